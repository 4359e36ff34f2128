import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Keeping } from "../host/types/Keeping";
import type { KeepingBounds } from "../host/types/KeepingBounds";
import type { KeepingRules } from "../host/types/KeepingRules";
import type { App } from "./app.svelte";
import { KeepingDraft } from "./keeping.svelte";
import { hostOf, stage } from "./testing";

const DAY = 86_400_000;
const bounds = (some: Partial<KeepingBounds>): KeepingBounds => ({
  nothing: false,
  age: null,
  messages: null,
  bytes: null,
  ...some,
});

let state: Keeping;
let foreseen: KeepingRules[];
let lost: number;
let refusal: unknown;
let saved: KeepingRules[];
let said: string[];
let draft: KeepingDraft;
let stop: () => void;

beforeEach(async () => {
  stage();
  [foreseen, saved, said, lost, refusal] = [[], [], [], 0, undefined];
  state = {
    rules: {
      rules: [
        { filter: "log/#", keep: bounds({ age: 7 * DAY, messages: 1000 }) },
        { filter: "camera/#", keep: bounds({ nothing: true }) },
      ],
      otherwise: bounds({ age: 30 * DAY }),
      file: 10_000_000_000,
      events: null,
    },
    messages: 12,
    bytes: 5000,
    oldest: 1000,
    in_memory: false,
    deleting: false,
    deleted: 0,
    deleted_at: null,
    failed: null,
  };
  const host = hostOf({
    keeping: async () => state,
    keepingForecast: async (rules) => {
      foreseen.push(rules);
      if (refusal) throw refusal;
      const rule = { topics: 1, messages: 10, lost: 0, maybe_more: false };
      return { rules: [...rules.rules.map(() => ({ ...rule, lost })), rule], beyond_file: 0 };
    },
    setKeeping: async (rules) => {
      if (refusal) throw refusal;
      saved.push(rules);
      return { ...state, rules };
    },
  });
  draft = new KeepingDraft({ host, toasts: { say: (text: string) => said.push(text) } } as unknown as App);
  stop = draft.feed.open();
  await vi.advanceTimersByTimeAsync(1);
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

const typed = async () => {
  draft.typed();
  await vi.advanceTimersByTimeAsync(400);
};

test("the rules that hold are shown in units, and are what they were", () => {
  const [log, camera] = draft.rules;
  expect([log?.filter, log?.age, log?.messages, log?.bytes]).toEqual(["log/#", "7 days", "1,000", ""]);
  expect([camera?.nothing, draft.otherwise?.age, draft.file, draft.events]).toEqual([true, "30 days", "10 GB", ""]);
  expect(draft.wanted).toEqual(state.rules);
  expect([draft.changed, draft.canSave, draft.foreseen]).toEqual([false, false, true]);
});

test("a later look changes numbers, never what is being typed", async () => {
  draft.file = "5 GB";
  state = { ...state, bytes: 7000, rules: { ...state.rules, file: 1 } };
  await vi.advanceTimersByTimeAsync(600);
  expect([draft.feed.data?.bytes, draft.file]).toEqual([7000, "5 GB"]);
});

test("what is wrong is said at its field, and nothing wrong is saved or asked about", async () => {
  const asked = foreseen.length;
  draft.add();
  const rule = draft.rules[0]!;
  expect(rule.filterError).toMatch(/Write a filter/);
  rule.filter = "$share/group/a";
  expect(rule.filterError).toMatch(/leave \$share/);
  rule.filter = "a/#";
  rule.age = "a month";
  expect(rule.ageError).toMatch(/7 days/);
  await typed();
  expect([draft.changed, draft.valid, draft.canSave, foreseen.length]).toEqual([true, false, false, asked]);
  expect(await draft.save()).toBe(false);
  // What it would have said does not count.
  rule.nothing = true;
  expect([rule.ageError, draft.valid]).toEqual([undefined, true]);
});

test("what would be deleted is known before it can be saved, and is about what is typed", async () => {
  lost = 4;
  draft.rules[0]!.age = "1 day";
  expect([draft.lost, draft.canSave]).toEqual([undefined, false]);
  await typed();
  expect([draft.lost, draft.canSave]).toEqual([8, true]);
  draft.rules[0]!.age = "2 days";
  expect([draft.lost, draft.canSave]).toEqual([undefined, false]);
  await typed();
  expect(await draft.save()).toBe(true);
  expect(saved[0]?.rules[0]?.keep).toEqual(bounds({ age: 2 * DAY, messages: 1000 }));
  expect(said).toHaveLength(1);
});

test("where that can't be known the rules can be saved all the same", async () => {
  refusal = { what: "Not known", why: "", action: "" };
  draft.events = "1 day";
  await typed();
  expect([draft.lost, draft.canSave]).toEqual([undefined, true]);
  expect(await draft.save()).toBe(false);
  expect(draft.fault?.what).toBe("Not known");
});

test("rules are added on top, moved and removed", () => {
  const filters = () => draft.rules.map(({ filter }) => filter);
  draft.add("a");
  expect(filters()).toEqual(["a", "log/#", "camera/#"]);
  draft.move(0, 1);
  draft.move(2, 1);
  expect(filters()).toEqual(["log/#", "a", "camera/#"]);
  expect([draft.canMove(0, -1), draft.canMove(2, 1), draft.canMove(1, 1)]).toEqual([false, false, true]);
  draft.remove(1);
  expect([filters(), draft.changed]).toEqual([["log/#", "camera/#"], false]);
});
