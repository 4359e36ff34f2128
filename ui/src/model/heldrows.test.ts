import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HeldRows } from "./heldrows.svelte";
import { stage } from "./testing";

interface Row {
  name: string;
  value: number;
}

let names: string[];
let value = 0;
let asked: [number, number][];
let table: HeldRows<Row, { total: number; first: number; rows: Row[] }>;
let close: () => void;

beforeEach(() => {
  stage();
  names = ["a", "b", "c"];
  value = 0;
  asked = [];
  table = new HeldRows(
    { paused: false },
    (row) => row.name,
    async (first, count) => {
      asked.push([first, count]);
      const rows = names.slice(first, first + Math.min(count, 500)).map((name) => ({ name, value }));
      return { total: names.length, first, rows };
    },
  );
  close = table.feed.open();
});
afterEach(() => {
  close();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(300);
const shown = () => table.feed.data?.rows.map((row) => row.name);

test("held rows keep their places and take new values; letting go shows the order of the moment", async () => {
  await settle();
  table.hold(true);
  names = ["c", "a", "b"];
  value = 7;
  await settle();
  expect(shown()).toEqual(["a", "b", "c"]);
  expect(table.feed.data?.rows.map((row) => row.value)).toEqual([7, 7, 7]);
  expect(table.moved).toBe(true);
  table.hold(false);
  await settle();
  expect(shown()).toEqual(["c", "a", "b"]);
  expect(table.moved).toBe(false);
});

test("a held row that is gone stays in its place, and is known to be old", async () => {
  await settle();
  table.hold(true);
  names = ["a", "c"];
  await settle();
  expect(shown()).toEqual(["a", "b", "c"]);
  expect([...table.left]).toEqual(["b"]);
  table.hold(false);
  await settle();
  expect([shown(), table.left.size]).toEqual([["a", "c"], 0]);
});

test("a held table does not grow, and says that it would", async () => {
  await settle();
  table.hold(true);
  names.push("d");
  await settle();
  expect(table.total).toBe(3);
  expect(table.moved).toBe(true);
});

test("what the user does is answered with the order of the moment, though the table is held", async () => {
  await settle();
  table.hold(true);
  names = ["b", "a"];
  table.act();
  await settle();
  expect(shown()).toEqual(["b", "a"]);
  expect(table.moved).toBe(false);
});

test("the index follows the selected row when the order changes", async () => {
  await settle();
  table.select(0);
  names = ["b", "c", "a"];
  await settle();
  expect(table.selected).toBe("a");
  expect(table.index).toBe(2);
});

test("a row that is not there yet is selected when it comes", async () => {
  names = Array.from({ length: 300 }, (_, i) => `row-${i}`);
  await settle();
  table.select(250);
  expect(table.selected).toBeUndefined();
  table.show(245, 20);
  await settle();
  expect(table.selected).toBe("row-250");
});

test("a row is found beyond the first pages, and one that does not exist is not", async () => {
  names = Array.from({ length: 1200 }, (_, i) => `row-${i}`);
  await settle();
  expect(await table.find("row-1111")).toBe(1111);
  expect(table.index).toBe(1111);
  expect(await table.find("gone")).toBe(-1);
  expect(table.selected).toBe("gone");
});

test("keys of a stretch come in pages that the host allows", async () => {
  names = Array.from({ length: 1200 }, (_, i) => `row-${i}`);
  await settle();
  asked = [];
  const keys = await table.keys(10, 1100);
  expect(keys).toHaveLength(1100);
  expect(keys[0]).toBe("row-10");
  expect(keys.at(-1)).toBe("row-1109");
  expect(Math.max(...asked.map(([, count]) => count))).toBe(500);
});

test("it asks for the rows in sight and some around them", async () => {
  names = Array.from({ length: 300 }, (_, i) => `row-${i}`);
  await settle();
  asked = [];
  table.show(100, 20);
  await settle();
  expect(asked[0]).toEqual([60, 100]);
});

test("a held table without a row shows the first that comes", async () => {
  names = [];
  await settle();
  table.hold(true);
  names = ["a"];
  await settle();
  expect([shown(), table.moved]).toEqual([["a"], false]);
});
