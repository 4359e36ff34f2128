import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { BanDraft as Wanted } from "../host/types/BanDraft";
import type { BanImpact } from "../host/types/BanImpact";
import type { App } from "./app.svelte";
import { BanDraft, Bans, impactInWords, knownOf, locksOut } from "./bans.svelte";
import { hostOf, stage } from "./testing";

const NOBODY: BanImpact = { error: null, connected: 5, clients: 0, named: [], this_computer: false };

let impact: (ban: Wanted) => Promise<BanImpact>;
let banned: Wanted[];
let lifted: number[];
let titles: string[];
let undo: (() => void) | undefined;
let agree: boolean;
let app: App;

beforeEach(() => {
  stage();
  impact = async () => NOBODY;
  banned = [];
  lifted = [];
  titles = [];
  agree = true;
  app = {
    paused: false,
    now: 1_000_000,
    host: hostOf({
      banRows: async ({ first }) => ({ total: 0, all: 0, first, rows: [] }),
      banImpact: (ban) => impact(ban),
      ban: async (ban) => banned.push(ban),
      liftBan: async (number) => void lifted.push(number),
    }),
    dialogs: {
      confirm: async ({ title }: { title: string }) => {
        titles.push(title);
        return agree;
      },
    },
    toasts: { say: (_: string, back?: () => void) => (undo = back) },
  } as unknown as App;
});
afterEach(() => vi.useRealTimers());

test("what is known of a client fills the field of each kind", () => {
  expect(knownOf("tv", "anna", "192.168.1.7:50411")).toEqual({ client: "tv", user: "anna", address: "192.168.1.7" });
  expect(knownOf("", null, "[fe80::1]:50411")).toEqual({ address: "fe80::1" });
  const draft = new BanDraft(app, knownOf("", null, "[fe80::1]:50411"));
  expect([draft.kind, draft.who]).toEqual(["address", "fe80::1"]);
  draft.setKind("user");
  expect(draft.who).toBe("");
});

test("only the answer to the last question counts", async () => {
  const answers: ((impact: BanImpact) => void)[] = [];
  impact = () => new Promise((resolve) => answers.push(resolve));
  const draft = new BanDraft(app, { client: "tv" });
  const [, late] = [answers[0], draft.look()];
  answers[1]!({ ...NOBODY, clients: 1, named: ["tv"] });
  await late;
  answers[0]!(NOBODY);
  await vi.advanceTimersByTimeAsync(1);
  expect(draft.impact?.clients).toBe(1);
});

test("nobody is locked out without a question", async () => {
  expect(locksOut({ ...NOBODY, connected: 1, clients: 1 })).toBe(false);
  impact = async () => ({ ...NOBODY, connected: 2, clients: 2, named: ["a", "b"] });
  const draft = new BanDraft(app, { address: "10.0.0.0/8" });
  agree = false;
  expect(await draft.submit()).toBeUndefined();
  expect([titles, banned]).toEqual([["Lock everybody out?"], []]);
  agree = true;
  draft.term = "1h";
  await draft.submit();
  expect(banned).toEqual([{ kind: "address", who: "10.0.0.0/8", seconds: 3600, note: "" }]);
  impact = async () => ({ ...NOBODY, this_computer: true });
  await draft.submit();
  expect(titles.at(-1)).toBe("Keep this computer out?");
});

test("what is wrong is said once the user has written or tried, and not sent", async () => {
  impact = async () => ({ ...NOBODY, error: "That is no address" });
  const draft = new BanDraft(app);
  await draft.look();
  expect(draft.error).toBeUndefined();
  await draft.submit();
  expect([draft.error, banned]).toEqual(["That is no address", []]);
});

test("a ban that is lifted comes back for the time that was left", async () => {
  const bans = new Bans(app);
  const row = { number: 7, kind: "user" as const, who: "anna", since: 0, until: 1_090_000, note: "why" };
  await bans.lift(row);
  expect(lifted).toEqual([7]);
  undo?.();
  await vi.advanceTimersByTimeAsync(1);
  expect(banned).toEqual([{ kind: "user", who: "anna", seconds: 90, note: "why" }]);
});

test("whom it turns out is named", () => {
  expect(impactInWords(undefined)).toBeUndefined();
  expect(impactInWords(NOBODY)).toBe("Nobody who is connected is meant.");
  const named = ["a", "", "c", "d"];
  expect(impactInWords({ ...NOBODY, clients: 9, named })).toMatch(/^a, a client without a name, c and 6 others would/);
});
