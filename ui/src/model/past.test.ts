import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { PastProgress } from "../host/types/PastProgress";
import { writeWhen } from "../lib/when";
import type { App } from "./app.svelte";
import { RetainedPast } from "./past.svelte";
import { hostOf, messageDetail, messageRow, stage } from "./testing";

const NOW = 1_767_225_600_000;
/** When the topic changed, the newest first. */
const CHANGES = [NOW - 1_000, NOW - 5_000, NOW - 9_000];

let opened: (number | null)[];
let closed: number[];
let model: RetainedPast;
let close: () => void;
let done: boolean;

beforeEach(() => {
  stage();
  opened = [];
  closed = [];
  done = true;
  const progress = (past: number): PastProgress => ({
    past,
    at: opened[past - 1] ?? null,
    found: 1,
    progress: done ? 1 : 0.4,
    done,
    limit_reached: false,
  });
  const history = { progress: 1, done: true, newer: 0, limit_reached: false, found: CHANGES.length };
  const host = hostOf({
    pastOpen: async (at) => {
      opened.push(at);
      return progress(opened.length);
    },
    pastClose: async (past) => void closed.push(past),
    pastRows: async (past, { first, different }) => {
      const rows = different
        ? []
        : [{ topic: "a", state: "changed" as const, then: messageRow(7), now: messageRow(0) }];
      return { progress: progress(past), total: rows.length, same: 0, changed: 1, gone: 0, new: 0, first, rows };
    },
    historyOpen: async () => ({ search: 1, ...history }),
    historyPage: async (search, first, count) => ({
      progress: { search, ...history },
      first,
      rows: CHANGES.slice(first, first + count).map((at, n) => messageRow(first + n, { at })),
    }),
    historyHistogram: async (_, from, to) => ({ from: from ?? CHANGES[2]!, to: to ?? NOW, counts: [1, 2] }),
    historyClose: async () => {},
    message: async (id) => messageDetail(id),
  });
  model = new RetainedPast({ host, paused: false, now: NOW } as unknown as App);
  close = model.table.feed.open();
});
afterEach(() => {
  close();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(500);

test("it begins an hour ago, and a moment may be typed", async () => {
  void model.open();
  await settle();
  expect(opened).toEqual([NOW - 3_600_000]);
  expect(model.table.row(0)?.topic).toBe("a");
  expect(model.histogram?.counts).toEqual([1, 2]);
  model.text = "5 min ago";
  model.typed();
  await settle();
  expect(opened[1]).toBe(NOW - 300_000);
  expect(closed).toEqual([1]);
  expect(model.text).toBe("5 min ago");
  expect(model.textError).toBeUndefined();
});

test("what is no moment, or is not past, is said and not gone to", async () => {
  void model.open(NOW - 100);
  await settle();
  model.text = "some day";
  model.enter();
  expect(model.textError).toMatch(/^Write it like/);
  model.text = writeWhen(NOW + 60_000);
  model.enter();
  expect(model.textError).toBe("That is not past yet");
  expect(opened.length).toBe(1);
});

test("steps go from change to change, and no further", async () => {
  void model.open(NOW - 6_000);
  await settle();
  for (const [by, at] of [
    [1, NOW - 5_000],
    [1, NOW - 1_000],
    [-1, NOW - 5_000],
    [-1, NOW - 9_000],
  ] as const) {
    expect(await model.step(by)).toBe(true);
    expect(model.at).toBe(at);
  }
  expect(await model.step(-1)).toBe(false);
  expect(model.at).toBe(NOW - 9_000);
});

test("the selected topic is shown as it was then", async () => {
  void model.open(NOW - 6_000);
  await settle();
  model.table.select(0);
  model.follow(model.table.selected, model.table.selectedRow);
  await settle();
  expect(model.inspected.detail?.row.id).toBe(7);
});

test("a part of the timeline is looked at, and left again", async () => {
  void model.open(NOW - 6_000);
  await settle();
  await model.zoom(NOW - 4_000, NOW - 2_000);
  expect([model.histogram?.from, model.histogram?.to]).toEqual([NOW - 4_000, NOW - 2_000]);
  model.widen();
  expect([model.histogram?.from, model.wider.length]).toEqual([CHANGES[2], 0]);
});

test("back to now ends everything", async () => {
  void model.open(NOW - 6_000);
  await settle();
  model.close();
  expect(closed).toEqual([1]);
  await settle();
  expect(model.table.total).toBe(0);
  expect(model.progress).toBeUndefined();
});
