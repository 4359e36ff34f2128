import { beforeEach, expect, test } from "vitest";
import type { PublisherView } from "../host/types/PublisherView";
import type { ReceivedMessage } from "../host/types/ReceivedMessage";
import { NO_PROPERTIES } from "./draft.svelte";
import { Inbox, KEPT } from "./inbox.svelte";
import { messageRow } from "./testing";

const received = (id: number, topic = "a", payload = String(id), size = payload.length): ReceivedMessage => ({
  row: messageRow(id, { topic, publisher: "", size }),
  payload: btoa(payload),
  properties: NO_PROPERTIES,
});
const view = (...inbox: ReceivedMessage[]): PublisherView => ({
  state: { state: "disconnected" },
  options: { client_id: "w", version: "5.0", clean_start: true },
  subscriptions: [],
  received: inbox.length,
  inbox,
});
const range = (to: number, from: number) => Array.from({ length: to - from + 1 }, (_, i) => received(to - i));

let inbox: Inbox;
const ids = () => inbox.rows.map(({ row }) => row.id);
beforeEach(() => (inbox = new Inbox()));

test("messages come in at the top, each once", () => {
  inbox.take(view(received(2), received(1)));
  inbox.take(view(received(3), received(2)));
  expect(ids()).toEqual([3, 2, 1]);
  expect(inbox.newest).toBe(3);
});

test.each<[string, (inbox: Inbox) => void, (inbox: Inbox) => void]>([
  ["selected", (inbox) => inbox.select(0), (inbox) => inbox.deselect()],
  ["off", (inbox) => inbox.setLive(false), (inbox) => inbox.setLive(true)],
  ["hovered", (inbox) => (inbox.hovered = true), (inbox) => ((inbox.hovered = false), inbox.settle())],
  ["scrolled", (inbox) => (inbox.scrolled = true), (inbox) => ((inbox.scrolled = false), inbox.settle())],
])("while it is %s, what arrives waits", (hold, begin, end) => {
  inbox.take(view(received(1)));
  begin(inbox);
  inbox.take(view(received(3), received(2)));
  expect([inbox.hold, ids(), inbox.waiting]).toEqual([hold, [1], 2]);
  end(inbox);
  expect([inbox.hold, ids(), inbox.waiting]).toEqual([undefined, [3, 2, 1], 0]);
});

test("what came too fast to be listed is counted", () => {
  inbox.take(view(received(1)));
  inbox.take(view(...range(700, 201)));
  expect(inbox.missed).toBe(199);
});

test("only the newest are kept", () => {
  for (let at = 500; at <= 2500; at += 500) inbox.take(view(...range(at, at - 499)));
  expect(inbox.rows).toHaveLength(KEPT);
  expect(ids()[0]).toBe(2500);
});

test("the inspector follows the newest until one is selected, and steps from there", () => {
  inbox.take(view(received(3, "b"), received(2), received(1, "b", "old")));
  expect(inbox.detail?.row.id).toBe(3);
  expect(inbox.detail?.previous?.text).toBe("old");
  inbox.step(1);
  expect(inbox.detail?.row.id).toBe(2);
  expect(inbox.detail?.previous).toBeNull();
  expect(inbox.canStep(1)).toBe(true);
  inbox.step(1);
  expect(inbox.canStep(1)).toBe(false);
  expect(inbox.deselect()).toBe(true);
  expect(inbox.deselect()).toBe(false);
});

test("a payload of which only the beginning came says so, and is nothing to compare with", () => {
  inbox.take(view(received(2, "a", "y"), received(1, "a", "x", 100_000)));
  expect(inbox.detail?.previous).toBeNull();
  inbox.select(1);
  expect(inbox.detail?.payload).toMatchObject({ text: "x", size: 100_000, truncated: true });
});

test("cleared, it does not ask for the old ones again", () => {
  inbox.take(view(received(2), received(1)));
  inbox.clear();
  inbox.take(view(received(2), received(1)));
  expect(ids()).toEqual([]);
  inbox.take(view(received(3)));
  expect(ids()).toEqual([3]);
});
