import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { HistoryGap } from "../host/types/HistoryGap";
import type { HistoryProgress } from "../host/types/HistoryProgress";
import type { HistoryQuery } from "../host/types/HistoryQuery";
import type { App } from "./app.svelte";
import { History } from "./history.svelte";
import { hostOf, messageDetail, messageRow, stage } from "./testing";

let total: number;
let done: boolean;
let opened: HistoryQuery[];
let closed: number[];
let gaps: HistoryGap[];
let asked: [search: number, from: number | null, to: number | null][];
let pages: number;
let refusal: unknown;
/** Of the oldest messages, so many are gone. */
let pruned: number;
let history: History;
let stop: () => void;

const progress = (search: number): HistoryProgress => ({
  search,
  found: total,
  progress: done ? 1 : 0.4,
  done,
  newer: 12,
  limit_reached: false,
});

beforeEach(() => {
  stage();
  [total, done, opened, closed, pages, refusal, pruned] = [2_000_000, true, [], [], 0, undefined, 0];
  [asked, gaps] = [[], []];
  const host = hostOf({
    historyOpen: async (query) => {
      if (refusal) throw refusal;
      opened.push(query);
      return progress(opened.length);
    },
    historyPage: async (search, first, count) => {
      if (closed.includes(search)) throw new Error("closed");
      if (count > 0) pages += 1;
      const length = Math.max(0, Math.min(count, total - pruned - first));
      return {
        progress: progress(search),
        first,
        rows: Array.from({ length }, (_, i) => messageRow(total - first - i)),
      };
    },
    historyGaps: async () => gaps,
    conditionError: async (text) => (text.startsWith("$") ? null : "A path begins with $"),
    historyHistogram: async (search, from, to, slots) => {
      asked.push([search, from, to]);
      return { from: from ?? 1, to: to ?? 2, counts: Array<number>(slots).fill(total / slots) };
    },
    historyClose: async (search) => void closed.push(search),
    message: async (id) => messageDetail(id),
  });
  history = new History({ host, paused: false } as unknown as App);
  stop = history.feed.open();
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(1500);

test("rows by position, of which only those around the view are fetched", async () => {
  await history.search();
  history.show(1_500_000, 30);
  await settle();
  expect(history.total).toBe(2_000_000);
  expect(history.row(1_500_010)?.id).toBe(499_990);
  expect(history.row(700_000)).toBeUndefined();
});

test("a moment is found among two million in some twenty questions", async () => {
  await history.search();
  await settle();
  pages = 0;
  const at = messageRow(1_234_567).at;
  expect(await history.positionOf(at)).toBe(2_000_000 - 1_234_567);
  expect(await history.positionOf(at + 1)).toBe(2_000_000 - 1_234_567);
  expect(pages).toBeLessThan(50);
  expect(await history.positionOf(0)).toBe(1_999_999);
  expect(await history.positionOf(Number.MAX_SAFE_INTEGER)).toBe(0);
});

test("a new search closes the one before, and what is wrong is not searched", async () => {
  await history.search();
  history.wanted.filter = "a/#/b";
  history.typed();
  await settle();
  expect(history.wanted.filterError).toMatch(/only at the end/);
  expect(opened.length).toBe(1);
  history.wanted.filter = "a/#";
  history.typed();
  history.typed();
  await settle();
  expect(opened.length).toBe(2);
  expect(opened[1]?.filter).toBe("a/#");
  expect(closed).toEqual([1]);
});

test("times from fields", async () => {
  vi.setSystemTime(new Date(2026, 10, 22, 16, 0));
  history.setRange("1 h");
  await settle();
  expect(opened.at(-1)!.to).toBeNull();
  expect(Math.abs(Date.now() - 3_600_000 - opened.at(-1)!.from!)).toBeLessThan(2000);
  history.setRange("custom");
  expect(history.wanted.from).toMatch(/^15:00:0/);
  history.wanted.to = "14:00";
  expect(history.wanted.toError).toMatch(/before the beginning/);
  expect(history.wanted.valid).toBe(false);
  history.wanted.to = "soon";
  expect(history.wanted.toError).toMatch(/Write a time/);
  history.wanted.from = "14:00";
  history.wanted.to = "15:30";
  await history.search();
  expect(opened.at(-1)!.from).toBe(new Date(2026, 10, 22, 14, 0).getTime());
  expect(opened.at(-1)!.to).toBe(new Date(2026, 10, 22, 15, 30).getTime());
  expect(history.newer).toBe(0);
});

test("cancelled, it keeps what is there and asks for no more", async () => {
  done = false;
  await history.search();
  history.show(0, 30);
  await settle();
  expect(history.searching).toBe(true);
  history.cancel();
  expect(history.searching).toBe(false);
  expect(history.total).toBe(100);
  expect(closed).toEqual([1]);
  await settle();
  expect(history.fault).toBeUndefined();
  await history.search();
  expect(closed).toEqual([1]);
  expect(history.stopped).toBe(false);
});

test("a refused search says why", async () => {
  refusal = { what: "The history cannot be read", why: "The file is locked", action: "Try again" };
  await history.search();
  expect(history.fault?.what).toBe("The history cannot be read");
  refusal = undefined;
  await history.search();
  expect(history.fault).toBeUndefined();
});

test("the histogram is of the time that was asked for, once the search is done", async () => {
  done = false;
  await history.search();
  await settle();
  expect([history.histogram, asked]).toEqual([undefined, []]);
  done = true;
  await settle();
  expect(asked).toEqual([[1, null, null]]);
  expect(history.histogram?.counts.reduce((a, b) => a + b, 0)).toBeCloseTo(2_000_000, 0);
  history.setRange("1 h");
  await settle();
  const [search, from, to] = asked[1]!;
  expect([search, to! - from!]).toEqual([2, 3_600_000]);
});

test("a span of the histogram narrows the time, step by step, and each step goes back", async () => {
  vi.setSystemTime(new Date(2026, 10, 22, 16, 0));
  history.setRange("24 h");
  const at = (hour: number, minute = 0) => new Date(2026, 10, 22, hour, minute).getTime();
  history.setSpan(at(10), at(14));
  history.setSpan(at(11), at(11, 30));
  await settle();
  expect([opened.at(-1)!.from, opened.at(-1)!.to]).toEqual([at(11), at(11, 30)]);
  history.widen();
  await settle();
  expect([opened.at(-1)!.from, opened.at(-1)!.to]).toEqual([at(10), at(14)]);
  history.widen();
  expect([history.wanted.range, history.wider]).toEqual(["24 h", []]);
  history.setSpan(at(10), at(14));
  history.setRange("5 min");
  expect(history.wider).toEqual([]);
});

test("QoS and retained are asked for as they are chosen", async () => {
  history.wanted.qos = "0";
  history.wanted.retain = "no";
  await history.search();
  expect(opened.at(-1)).toMatchObject({ qos: 0, retain: false });
  expect(history.wanted.narrowed).toBe(true);
  history.clear();
  await settle();
  expect(opened.at(-1)).toMatchObject({ qos: null, retain: null });
});

test("a condition that is none is said beside it, and not searched for", async () => {
  await history.search();
  history.wanted.json = "value > 3";
  await history.search();
  expect(history.wanted.jsonError).toBe("A path begins with $");
  expect([history.wanted.valid, opened.length, closed]).toEqual([false, 1, []]);
  history.wanted.json = "$.value > 3";
  await history.search();
  expect([history.wanted.jsonError, opened.at(-1)?.json, closed]).toEqual([undefined, "$.value > 3", [1]]);
});

test("a gap shows below the last row that came after it", async () => {
  const [after, before] = [messageRow(1_999_990), messageRow(1_999_989)];
  gaps = [{ from: before.at + 0.1, to: before.at + 0.2, messages: 12, events: 0, reason: "of a test" }];
  expect(after.at).toBeGreaterThan(before.at + 0.2);
  await history.search();
  history.show(0, 30);
  await settle();
  expect(history.gapBelow(10)).toBe(gaps[0]);
  expect([9, 11, 5000].map((index) => history.gapBelow(index))).toEqual([undefined, undefined, undefined]);
});

test("a row that was not there when it was selected is inspected when it comes", async () => {
  await history.search();
  history.select(900_000);
  expect(history.inspected.key).toBeUndefined();
  history.show(899_990, 30);
  await settle();
  expect(history.inspected.detail?.row.id).toBe(1_100_000);
});

test("what was pruned meanwhile keeps its positions, and is asked for once", async () => {
  [total, pruned] = [150, 30];
  await history.search();
  history.show(100, 50);
  await settle();
  expect(history.total).toBe(150);
  expect(history.row(119)?.id).toBe(31);
  expect(history.row(120)).toBeNull();
  pages = 0;
  await settle();
  expect(pages).toBe(0);
  history.select(130);
  expect(history.inspected.key).toBeUndefined();
  expect(await history.positionOf(0)).toBe(120);
});

test("a search that other searches displaced says so", async () => {
  await history.search();
  closed.push(1);
  await settle();
  expect(history.feed.fault?.why).toBe("closed");
  await history.search();
  await settle();
  expect(history.feed.fault).toBeUndefined();
});

test("rows are picked as in any list, and a new search picks none", async () => {
  await history.search();
  history.pick(5);
  expect([history.selected, history.pickedCount, history.pickedRows]).toEqual([5, 0, undefined]);
  history.toggle(8);
  expect(history.pickedRows).toEqual({
    search: 1,
    ranges: [
      [5, 1],
      [8, 1],
    ],
  });
  history.extend(10);
  expect(history.picked).toEqual([[8, 11]]);
  history.extend(6);
  expect([history.picked, history.selected]).toEqual([[[6, 9]], 6]);
  history.toggle(20);
  history.extend(22, true);
  expect(history.picked).toEqual([
    [6, 9],
    [20, 23],
  ]);
  history.toggle(7);
  expect([history.isPicked(7), history.isPicked(8), history.pickedCount]).toEqual([false, true, 5]);
  history.pickAll();
  expect(history.pickedRows?.ranges).toEqual([[0, 2_000_000]]);
  history.unpick();
  expect([history.pickedCount, history.selected]).toEqual([0, 7]);
  history.pickAll();
  await history.search();
  expect([history.pickedCount, history.selected]).toEqual([0, -1]);
});

test("of a search that was stopped nothing is picked, for the host no longer has it", async () => {
  done = false;
  await history.search();
  history.toggle(1);
  history.extend(3);
  history.cancel();
  expect(history.pickedCount).toBe(0);
  history.toggle(1);
  history.extend(3);
  history.pickAll();
  expect([history.pickedCount, history.selected]).toEqual([0, 3]);
});
