import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { TopicQuery } from "../host/types/TopicQuery";
import type { TopicRow } from "../host/types/TopicRow";
import { hostOf, stage } from "./testing";
import { TopicTree } from "./tree.svelte";

function topicRow(path: string, rate: number): TopicRow {
  const levels = path.split("/");
  return {
    path,
    name: levels.at(-1)!,
    depth: levels.length,
    children: 0,
    topics_below: 0,
    expanded: false,
    is_topic: true,
    retained: false,
    rate,
    messages: 1,
    value: String(rate),
    value_kind: "number",
    last_at: 0,
    changed_at: null,
  };
}

let paths: string[];
let rate = 1;
let queries: TopicQuery[];
let tree: TopicTree;
let close: () => void;

beforeEach(() => {
  stage();
  paths = ["a", "b", "c"];
  queries = [];
  tree = new TopicTree(
    hostOf({
      topicRows: async (query) => {
        queries.push(query);
        const all = paths.filter((path) => !path.includes("/") || query.expanded.includes(path.split("/")[0]!));
        const rows = all.slice(query.first, query.first + query.count).map((path) => topicRow(path, rate));
        return { total: all.length, topics: all.length, first: query.first, rows };
      },
    }),
    { paused: false },
  );
  close = tree.feed.open();
});
afterEach(() => {
  close();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(300);
const names = () => tree.feed.data?.rows.map((row) => row.path);

test("rows keep their places while held, their values do not", async () => {
  await settle();
  expect(names()).toEqual(["a", "b", "c"]);
  tree.hold(true);
  paths = ["0", "a", "b", "c"];
  rate = 7;
  await settle();
  expect(names()).toEqual(["a", "b", "c"]);
  expect(tree.row(0)?.rate).toBe(7);
  expect(tree.moved).toBe(true);

  tree.catchUp();
  await settle();
  expect(names()).toEqual(["0", "a", "b", "c"]);
  expect(tree.moved).toBe(false);
});

test("let go of, the tree shows what it held back", async () => {
  await settle();
  tree.hold(true);
  paths = ["c", "b", "a"];
  await settle();
  expect(tree.moved).toBe(true);
  tree.hold(false);
  await settle();
  expect(names()).toEqual(["c", "b", "a"]);
});

test("what the user does is answered with the order of the moment, held or not", async () => {
  await settle();
  tree.hold(true);
  paths = ["a", "a/x", "b"];
  tree.unfold("a");
  await settle();
  expect(names()).toEqual(["a", "a/x", "b"]);
  expect(queries.at(-1)?.expanded).toEqual(["a"]);
  tree.foldAll();
  await settle();
  expect(names()).toEqual(["a", "b"]);
  expect(tree.anyUnfolded).toBe(false);
});

test("the index follows the selected topic", async () => {
  await settle();
  tree.select(1);
  expect(tree.selected).toBe("b");
  paths = ["0", "a", "b", "c"];
  await settle();
  expect(tree.index).toBe(2);
});

test("a row that is not there yet is selected when it comes", async () => {
  paths = Array.from({ length: 900 }, (_, i) => `t${i}`);
  await settle();
  tree.select(700);
  expect(tree.selected).toBeUndefined();
  tree.show(690, 20);
  await settle();
  expect(tree.selected).toBe("t700");
});

test("a topic from elsewhere is unfolded, found and selected", async () => {
  paths = [...Array.from({ length: 1200 }, (_, i) => `t${i}`), "z", "z/deep"];
  await settle();
  tree.setFilter("t");
  expect(await tree.reveal("z/deep")).toBe(1201);
  expect(tree.selected).toBe("z/deep");
  expect(tree.filter).toBe("");
  expect(await tree.reveal("not/there")).toBe(-1);
});

test("a filter that is not valid yet is not asked", async () => {
  await settle();
  tree.setFilter("a/#/b");
  expect(tree.filterError).toMatch(/only at the end/);
  await settle();
  expect(queries.at(-1)?.filter).toBe("");
  tree.setFilter("plain # is text? no");
  expect(tree.filterError).toBeDefined();
  tree.setFilter("a/#");
  await settle();
  expect(queries.at(-1)?.filter).toBe("a/#");
});

test("a changed value is fresh for 800 ms", async () => {
  await settle();
  const at = tree.feed.data!.at;
  expect(tree.isFresh({ ...topicRow("a", 1), changed_at: at - 799 })).toBe(true);
  expect(tree.isFresh({ ...topicRow("a", 1), changed_at: at - 801 })).toBe(false);
  expect(tree.isFresh(topicRow("a", 1))).toBe(false);
});
