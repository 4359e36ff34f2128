import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { QueueSelection } from "../host/types/QueueSelection";
import type { App } from "./app.svelte";
import { ClientQueue, question } from "./queue.svelte";
import { hostOf, messageDetail, messageRow, stage } from "./testing";

let waiting: number[];
let purged: [string, QueueSelection][];
let asked: string[];
let said: string[];
let complained: unknown[];
let agree: boolean;
let fail: boolean;
let model: ClientQueue;
let close: () => void;

beforeEach(() => {
  stage();
  waiting = [0, 1, 2, 3, 4];
  purged = [];
  asked = [];
  said = [];
  complained = [];
  agree = true;
  fail = false;
  const host = hostOf({
    queueRows: async (client, first, count) => {
      const all = client === "lamp" ? waiting : [];
      const rows = all.slice(first, first + count).map((n) => ({ key: `order-${n}`, row: messageRow(0) }));
      return { total: all.length, bytes: 100, oldest: 1, inflight: 3, first, rows };
    },
    queuedMessage: async (_, key) => messageDetail(Number(key.slice(6))),
    purgeQueue: async (client, selection) => {
      if (fail) throw { what: "Nothing was purged", why: "", action: "" };
      purged.push([client, selection]);
      const before = waiting.length;
      waiting = selection.which === "all" ? [] : waiting.filter((n) => !selection.value.includes(`order-${n}`));
      return before - waiting.length;
    },
  });
  const app = {
    host,
    paused: false,
    dialogs: {
      confirm: async ({ title }: { title: string }) => {
        asked.push(title);
        return agree;
      },
    },
    toasts: { say: (text: string) => said.push(text) },
    complain: (error: unknown) => complained.push(error),
  } as unknown as App;
  model = new ClientQueue(app);
  model.follow("lamp");
  close = model.table.feed.open();
});
afterEach(() => {
  close();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(300);

test("some are picked and purged after a question that says how many", async () => {
  await settle();
  model.toggle(1);
  await model.extend(3);
  model.toggle(2);
  expect([...model.picked]).toEqual(["order-1", "order-3"]);
  await model.purgePicked();
  expect(asked).toEqual(["Purge 2 messages that wait for lamp?"]);
  expect(purged).toEqual([["lamp", { which: "keys", value: ["order-1", "order-3"] }]]);
  expect(said).toEqual(["2 messages purged for lamp"]);
  expect(model.picked.size).toBe(0);
  await settle();
  expect(model.table.total).toBe(3);
});

test("all are purged, or none where the user thinks better of it", async () => {
  await settle();
  agree = false;
  await model.purgeAll();
  expect(purged).toEqual([]);
  agree = true;
  await model.purgeAll();
  expect(asked[1]).toBe("Purge all 5 messages that wait for lamp?");
  await settle();
  expect(model.table.total).toBe(0);
  await model.purgeAll();
  expect(asked.length).toBe(2);
});

test("a failure stands in its place, and what was picked stays picked", async () => {
  await settle();
  model.toggle(0);
  fail = true;
  await model.purgePicked();
  expect(model.fault?.what).toBe("Nothing was purged");
  expect(model.picked.size).toBe(1);
});

test("another client's queue begins afresh", async () => {
  await settle();
  model.toggle(0);
  model.open(1);
  await settle();
  expect(model.inspected.detail?.row.id).toBe(1);
  model.follow("door");
  expect([model.opened, model.picked.size, model.table.selected, model.inspected.detail]).toEqual([
    false,
    0,
    undefined,
    undefined,
  ]);
  await settle();
  expect(model.table.total).toBe(0);
});

test("Escape leaves the message first, then what is picked", async () => {
  await settle();
  model.toggle(0);
  model.open(1);
  expect([model.escape(), model.opened, model.picked.size]).toEqual([true, false, 1]);
  expect([model.escape(), model.picked.size]).toEqual([true, 0]);
  expect(model.escape()).toBe(false);
});

test("the question names the client and says what is not affected", () => {
  const { title, action, body } = question("lamp", { which: "all" }, 1_000_000, 20);
  expect(title).toBe("Purge all 1,000,000 messages that wait for lamp?");
  expect(action).toBe("Purge 1,000,000");
  expect(body.at(-1)).toBe("20 messages that are on the way already: not affected.");
  expect(question("lamp", { which: "keys", value: ["x"] }, 1, 0).title).toBe("Purge 1 message that waits for lamp?");
});
