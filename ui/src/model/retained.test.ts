import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RetainedEdit } from "../host/types/RetainedEdit";
import type { RetainedSelection } from "../host/types/RetainedSelection";
import { matches } from "../lib/topicfilter";
import type { App } from "./app.svelte";
import { commonLevel, question, Retained } from "./retained.svelte";
import { hostOf, messageDetail, messageRow, stage } from "./testing";

let topics: string[];
let cleared: RetainedSelection[];
let edits: RetainedEdit[];
let asked: string[];
let said: string[];
let agree: boolean;
let fail: boolean;
let model: Retained;
let close: () => void;

const meant = (filter: string) =>
  topics.filter((topic) => filter === "" || (/[+#]/.test(filter) ? matches(filter, topic) : topic.includes(filter)));

beforeEach(() => {
  stage();
  topics = ["a/1", "a/2", "a/3", "b/1", "b/2"];
  cleared = [];
  edits = [];
  asked = [];
  said = [];
  agree = true;
  fail = false;
  const host = hostOf({
    retainedRows: async ({ filter, first, count }) => {
      const all = meant(filter);
      return {
        total: all.length,
        first,
        rows: all.slice(first, first + count).map((topic) => messageRow(0, { topic })),
      };
    },
    retainedMessage: async (topic) => {
      const detail = messageDetail(1);
      if (!topics.includes(topic)) throw { what: "There is none", why: "", action: "" };
      return { ...detail, row: { ...detail.row, topic } };
    },
    countRetained: async (selection) =>
      selection.which === "topics" ? selection.value.length : meant(selection.value).length,
    clearRetained: async (selection) => {
      if (fail) throw { what: "Nothing was cleared", why: "The disk is full", action: "" };
      cleared.push(selection);
      const gone = selection.which === "topics" ? selection.value : meant(selection.value);
      topics = topics.filter((topic) => !gone.includes(topic));
      return gone.length;
    },
    setRetained: async (edit) => void edits.push(edit),
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
  } as unknown as App;
  model = new Retained(app);
  close = model.table.feed.open();
});
afterEach(() => {
  close();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(300);
const picked = () => (model.picked.which === "topics" ? [...model.picked.topics] : model.picked);

test("ticking takes one in and out, Shift takes all in between", async () => {
  await settle();
  await model.toggle(1);
  await model.extend(3);
  expect(picked()).toEqual(["a/2", "a/3", "b/1"]);
  await model.toggle(2);
  expect(picked()).toEqual(["a/2", "b/1"]);
  expect(model.pickedCount).toBe(2);
});

test("all that match is a filter, until one is taken out", async () => {
  model.setFilter("a/+");
  await settle();
  model.pickAll();
  expect(picked()).toEqual({ which: "all", filter: "a/+" });
  expect(model.pickedCount).toBe(3);
  expect(model.isPicked("a/2")).toBe(true);
  await model.toggle(0);
  expect(picked()).toEqual(["a/2", "a/3"]);
});

test("another filter forgets what was picked: it would be cleared out of sight", async () => {
  await settle();
  await model.toggle(0);
  model.setFilter("b");
  expect(model.pickedCount).toBe(0);
});

test("a filter that is not valid is explained, and the list stays as the last valid one made it", async () => {
  model.setFilter("a/+");
  await settle();
  model.setFilter("a/#/b");
  await settle();
  expect(model.filterError).toMatch(/only at the end/);
  expect(model.table.total).toBe(3);
  model.pickAll();
  expect(picked()).toEqual({ which: "all", filter: "a/+" });
});

test("clearing asks with name and number, clears, and says how many", async () => {
  model.setFilter("a/#");
  await settle();
  model.pickAll();
  await model.clearPicked();
  expect(asked).toEqual(["Clear 3 retained messages under a?"]);
  expect(cleared).toEqual([{ which: "filter", value: "a/#" }]);
  expect(said).toEqual(["3 retained messages cleared"]);
  expect(model.pickedCount).toBe(0);
});

test("without agreement nothing is cleared and the selection stays", async () => {
  agree = false;
  await settle();
  await model.toggle(0);
  await model.clearPicked();
  expect(cleared).toEqual([]);
  expect(model.pickedCount).toBe(1);
});

test("a failure is shown in its place, and the selection stays", async () => {
  fail = true;
  await settle();
  await model.toggle(0);
  await model.clearPicked();
  expect(model.fault?.what).toBe("Nothing was cleared");
  expect(said).toEqual([]);
  expect(model.pickedCount).toBe(1);
});

test("clearing the one that is shown closes it; the others stay picked", async () => {
  await settle();
  model.table.select(0);
  await model.toggle(0);
  await model.toggle(1);
  await model.clearOne("a/1");
  expect(asked).toEqual(["Clear the retained message of a/1?"]);
  expect(model.table.selected).toBeUndefined();
  expect(picked()).toEqual(["a/2"]);
});

test("a topic that was not there when it was selected is shown once it is", async () => {
  const follow = () => model.follow(model.table.selected, model.table.selectedRow);
  await model.open("c");
  follow();
  await vi.waitFor(() => expect(model.inspected.fault?.what).toBe("There is none"));
  topics = ["c", ...topics];
  await model.open("c");
  follow();
  await vi.waitFor(() => expect(model.inspected.detail?.row.topic).toBe("c"));
  expect(model.inspected.fault).toBeUndefined();
});

test("a message that a device clears is said to be gone", async () => {
  await settle();
  model.table.select(1);
  const follow = () => model.follow(model.table.selected, model.table.selectedRow);
  follow();
  await settle();
  expect(model.inspected.detail?.row.topic).toBe("a/2");
  topics = topics.filter((topic) => topic !== "a/2");
  await settle();
  follow();
  await settle();
  expect(model.inspected.fault?.what).toBe("There is none");
});

test("editing publishes the new payload with what stays; an empty one is refused", async () => {
  const detail = messageDetail(5);
  model.startEdit({
    ...detail,
    properties: { ...detail.properties, payload_is_text: true, content_type: "text/plain" },
  });
  const { edit } = model;
  expect(edit?.payload.text).toBe("5");
  edit!.payload.text = "";
  await model.save();
  expect(edits).toEqual([]);
  expect(edit?.error).toMatch(/would clear/);
  edit!.payload.text = "6";
  edit!.qos = 2;
  await model.save();
  expect(edits).toMatchObject([
    { topic: "a/b", payload: btoa("6"), qos: 2, properties: { content_type: "text/plain", payload_is_text: true } },
  ]);
  expect(model.edit).toBeUndefined();
});

test.each<[RetainedSelection, number, string]>([
  [{ which: "filter", value: "" }, 342, "Clear all 342 retained messages?"],
  [{ which: "filter", value: "factory/line-2/#" }, 342, "Clear 342 retained messages under factory/line-2?"],
  [{ which: "filter", value: "factory/+/state" }, 1, "Clear 1 retained message that matches factory/+/state?"],
  [{ which: "filter", value: "press" }, 2, "Clear 2 retained messages with “press” in the topic?"],
  [{ which: "topics", value: ["a/b/1", "a/b/2"] }, 2, "Clear 2 retained messages under a/b?"],
  [{ which: "topics", value: ["a/1", "b/1"] }, 2, "Clear 2 retained messages?"],
])("%j is named", (selection, n, title) => {
  expect(question(selection, n).title).toBe(title);
});

test("the common level is a whole one", () => {
  expect(commonLevel(["a/line-1/x", "a/line-12/x"])).toBe("a");
  expect(commonLevel(["/x", "/y"])).toBe("");
  expect(commonLevel(["x", "y"])).toBeUndefined();
});
