import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { MessageRow } from "../host/types/MessageRow";
import { hostOf, messageDetail, messageRow, stage } from "./testing";
import { KEPT, TopicMessages } from "./topicmessages.svelte";

let newest: number;
let messages: TopicMessages;
let close: () => void;
let asked: number[];

beforeEach(() => {
  stage();
  newest = 3;
  asked = [];
  messages = new TopicMessages(
    hostOf({
      topicMessages: async ({ after, limit, topic }) => {
        const rows: MessageRow[] = [];
        for (let id = newest; id > (after ?? 0) && rows.length < limit; id -= 1) rows.push(messageRow(id, { topic }));
        const skipped = Math.max(0, newest - (after ?? 0) - rows.length);
        return {
          rows,
          skipped: after === null ? 0 : skipped,
          total: newest,
          histogram: [],
          series: [],
          series_path: null,
        };
      },
      message: async (id) => {
        asked.push(id);
        return messageDetail(id);
      },
    }),
    { paused: false },
  );
  messages.setTopic("a/b");
  close = messages.feed.open();
});
afterEach(() => {
  close();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(300);
const ids = () => messages.shown.map((row) => row.id);

test("live, new ones come in at the top and the newest is inspected", async () => {
  await settle();
  expect(ids()).toEqual([3, 2, 1]);
  newest = 5;
  await settle();
  expect(ids()).toEqual([5, 4, 3, 2, 1]);
  expect(messages.waiting).toBe(0);
  expect(messages.inspected.detail?.row.id).toBe(5);
});

test("while one is selected the list stands still and counts", async () => {
  await settle();
  messages.select(1);
  newest = 200;
  await settle();
  expect(ids()).toEqual([3, 2, 1]);
  expect(messages.hold).toBe("selected");
  expect(messages.waiting).toBe(197);
  expect(messages.inspected.detail?.row.id).toBe(2);
  messages.catchUp();
  expect(ids().slice(0, 2)).toEqual([200, 199]);
  expect(messages.shown.length).toBe(200);
  expect(messages.selected).toBeUndefined();
  expect(messages.waiting).toBe(0);
});

test("it also holds under the pointer, scrolled, and with Live off", async () => {
  await settle();
  messages.hovered = true;
  newest = 4;
  await settle();
  expect(messages.hold).toBe("hovered");
  messages.scrolled = true;
  expect(messages.hold).toBe("scrolled");
  messages.setLive(false);
  expect(messages.hold).toBe("off");
  expect(ids()).toEqual([3, 2, 1]);
  messages.hovered = messages.scrolled = false;
  messages.settle();
  expect(messages.waiting).toBe(1);
  messages.setLive(true);
  expect(ids()).toEqual([4, 3, 2, 1]);
});

test("after a gap only what is beyond it is listed, so neighbours are neighbours", async () => {
  await settle();
  messages.select(0);
  newest = 5000;
  await settle();
  expect(messages.waiting).toBe(4997);
  newest = 5010;
  await settle();
  expect(messages.waiting).toBe(5007);
  messages.catchUp();
  expect(messages.shown.length).toBe(KEPT);
  expect(ids()[0]).toBe(5010);
  expect(ids().at(-1)).toBe(5010 - KEPT + 1);
});

test("filters look at what is here", async () => {
  await settle();
  messages.text = "2";
  expect(ids()).toEqual([2]);
  messages.text = "";
  messages.publisher = "nobody";
  expect(ids()).toEqual([]);
  expect(messages.publishers).toEqual([["meter", 3]]);
});

test("J and K step from the newest, and end at the ends", async () => {
  await settle();
  expect(messages.canStep(-1)).toBe(false);
  messages.step(1);
  expect(messages.selected).toBe(2);
  messages.step(1);
  messages.step(1);
  expect(messages.selected).toBe(1);
  expect(messages.canStep(1)).toBe(false);
  messages.step(-1);
  expect(messages.selected).toBe(2);
});

test("another topic begins anew", async () => {
  await settle();
  messages.select(0);
  messages.text = "x";
  messages.setTopic("c/d");
  expect(messages.rows).toEqual([]);
  expect([messages.selected, messages.text, messages.waiting]).toEqual([undefined, "", 0]);
  await settle();
  expect(messages.rows.map((row) => row.topic)).toEqual(["c/d", "c/d", "c/d"]);
});

test("stepping fast fetches the first and the last, not all between", async () => {
  newest = 50;
  await settle();
  asked = [];
  for (let i = 0; i < 30; i += 1) messages.step(1);
  await settle();
  expect(asked.length).toBeLessThanOrEqual(2);
  expect(messages.inspected.detail?.row.id).toBe(20);
});
