import { expect, test } from "vitest";
import { Pages } from "./pages";

test("knows which pages a view needs, and forgets the oldest", () => {
  const pages = new Pages<number>(10, 3);
  const rows = (page: number, n = 10) => Array.from({ length: n }, (_, i) => page * 10 + i);
  expect(pages.missing(5, 20, 1000)).toEqual([0, 1, 2]);
  for (const page of [0, 1, 2]) pages.put(page, rows(page));
  expect(pages.missing(5, 20, 1000)).toEqual([]);
  expect(pages.get(19)).toBe(19);
  pages.put(7, rows(7));
  expect(pages.get(0)).toBeUndefined();
  expect(pages.held).toBe(3);
});

test("the last page is complete where the list ends, and not once it has grown", () => {
  const pages = new Pages<number>(10, 3);
  pages.put(1, [10, 11, 12]);
  expect(pages.missing(10, 10, 13)).toEqual([]);
  expect(pages.missing(10, 10, 14)).toEqual([1]);
  expect(pages.missing(20, 10, 13)).toEqual([]);
});
