import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RuleChange } from "../host/types/RuleChange";
import type { RuleImpact } from "../host/types/RuleImpact";
import type { RuleQuestion } from "../host/types/RuleQuestion";
import type { RuleRow } from "../host/types/RuleRow";
import type { App } from "./app.svelte";
import { impactInWords, RuleDraft, Rules } from "./rules.svelte";
import { RuleTest } from "./ruletest.svelte";
import { hostOf, stage } from "./testing";

const NOTHING: RuleImpact = { everybody: false, losing: 0, clients: [] };

let rows: RuleRow[];
let impact: RuleImpact;
let changes: RuleChange[];
let questions: { title: string; body: readonly string[] }[];
let asked: RuleQuestion[];
let undo: (() => void) | undefined;
let agree: boolean;
let failing: boolean;
let app: App;
let rules: Rules;
let close: () => void;

const rule = (number: number, filter: string): RuleRow => {
  return { number, subject: { kind: "everybody" }, operations: "both", filter, allow: true };
};

beforeEach(() => {
  stage();
  rows = [rule(4, "a/#"), rule(2, "b/#"), rule(7, "c/#")];
  impact = NOTHING;
  changes = [];
  questions = [];
  asked = [];
  undo = undefined;
  agree = true;
  failing = false;
  app = {
    paused: false,
    host: hostOf({
      ruleRows: async ({ first, count }) => {
        const page = rows.slice(first, first + count);
        return { total: rows.length, all: rows.length, otherwise_allows: true, first, rows: page };
      },
      ruleImpact: async () => impact,
      changeRules: async (change) => {
        if (failing) throw { what: "The rules were not changed", why: "the disk is full", action: "" };
        changes.push(change);
      },
      testRule: async (question) => {
        asked.push(question);
        return { allowed: true, decided: "rule", rule: rows[0]!, passed_over: [] };
      },
    }),
    dialogs: {
      confirm: async (question: (typeof questions)[number]) => {
        questions.push(question);
        return agree;
      },
    },
    toasts: { say: (_: string, back?: () => void) => (undo = back) },
  } as unknown as App;
  rules = new Rules(app);
  close = rules.table.feed.open();
});
afterEach(() => {
  close();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(600);

test("a new rule goes above the selected one, and to the end without one", async () => {
  await settle();
  rules.add();
  expect(rules.draft?.wanted.before).toBeNull();
  rules.table.select(1);
  rules.add();
  expect(rules.draft?.wanted.before).toBe(2);
});

test("what is missing or wrong is said, and is not sent", async () => {
  const draft = new RuleDraft();
  expect(draft.filterError).toBeUndefined();
  rules.draft = draft;
  await rules.save();
  expect(draft.filterError).toMatch(/such as home/);
  draft.filter = "$share/g/a";
  expect(draft.filterError).toMatch(/\$share/);
  draft.filter = "a#";
  expect(draft.valid).toBe(false);
  draft.filter = "a/%u/#";
  expect(draft.valid).toBe(true);
  draft.who = "account";
  await rules.save();
  expect(draft.accountError).toMatch(/account/);
  expect(changes).toEqual([]);
});

test("a change that takes nothing from anybody is made at once", async () => {
  rules.draft = new RuleDraft({ filter: "x" });
  await rules.save();
  expect(questions).toEqual([]);
  expect(changes).toMatchObject([{ kind: "put", rule: { filter: "x", number: null } }]);
  expect(rules.draft).toBeUndefined();
});

test("one that takes something is asked about, and a No keeps the draft", async () => {
  impact = { everybody: false, losing: 1, clients: [{ client: "tv", publish: ["home/tv"], subscribe: [] }] };
  agree = false;
  rules.draft = new RuleDraft({ filter: "x", allow: false });
  await rules.save();
  expect(questions[0]?.body).toEqual(["tv could no longer publish to home/tv."]);
  expect(changes).toEqual([]);
  expect(rules.draft?.filter).toBe("x");
  agree = true;
  failing = true;
  await rules.save();
  expect(rules.draft?.fault?.why).toBe("the disk is full");
});

test("a rule that is deleted comes back to its place by Undo", async () => {
  await settle();
  rules.table.select(1);
  await rules.remove();
  expect(changes).toEqual([{ kind: "remove", number: 2 }]);
  undo?.();
  await settle();
  expect(changes[1]).toMatchObject({ kind: "put", rule: { number: null, before: 7, filter: "b/#" } });
});

test("moving is by one place, and not among some of the rules", async () => {
  await settle();
  rules.table.select(1);
  await rules.move(-1);
  rules.table.select(1);
  await rules.move(1);
  rules.table.select(0);
  await rules.move(-1);
  expect(changes).toEqual([
    { kind: "move", number: 2, before: 4 },
    { kind: "move", number: 2, before: null },
  ]);
  rules.filter = "b";
  rules.table.select(1);
  await rules.move(-1);
  expect(changes.length).toBe(2);
});

test("who would lose what, in sentences", () => {
  const clients = [
    { client: "", publish: [], subscribe: ["#"] },
    { client: "plc", publish: ["a", "b", "c", "d"], subscribe: ["e"] },
  ];
  expect(impactInWords({ everybody: true, losing: 9, clients })).toEqual([
    "Nobody could publish or subscribe to anything any more. Connections stay.",
    "A client without a name could no longer read #.",
    "plc could no longer publish to a, b, c and 1 more, nor read e.",
    "And 7 other clients.",
  ]);
});

test("the box asks once the user pauses, and only what can be asked", async () => {
  const box = new RuleTest(app);
  box.set({ topic: "a/#" });
  await settle();
  expect(asked).toEqual([]);
  expect(box.topicError).toBeDefined();
  box.set({ topic: "a/b" });
  box.set({ client: "tv" });
  await settle();
  expect(asked).toEqual([{ client: "tv", user: null, operation: "publish", topic: "a/b" }]);
  expect(box.decides).toBe(4);
  box.set({ topic: "" });
  expect(box.verdict).toBeUndefined();
});
