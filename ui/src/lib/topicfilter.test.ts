import { expect, test } from "vitest";
import { ancestors, filterError, matches, topicError } from "./topicfilter";

test.each([
  ["sport/#", "sport", true],
  ["sport/#", "sport/a/b", true],
  ["sport/+", "sport", false],
  ["sport/+", "sport/", true],
  ["sport/+", "sport/a/b", false],
  ["+/+", "/finance", true],
  ["/+", "/finance", true],
  ["+", "/finance", false],
  ["#", "a/b", true],
  ["#", "$SYS/x", false],
  ["+/monitor", "$SYS/monitor", false],
  ["$SYS/#", "$SYS/a", true],
  ["$SYS/monitor/+", "$SYS/monitor/x", true],
  ["a/b", "a/b", true],
  ["a/b", "a/B", false],
  ["a/b", "a/b/c", false],
  ["a/b/c", "a/b", false],
  ["+/b/#", "a/b", true],
  ["$share/g/a/+", "a/b", true],
  ["a//b", "a//b", true],
  ["a/+/b", "a//b", true],
])("%s on %s: %s", (filter, topic, expected) => expect(matches(filter, topic)).toBe(expected));

test.each(["a", "/", "#", "+", "a/+/b/#", "/#", "$SYS/#", "$share/g/a/#", "ü/🦉", "a b/c", "//"])(
  "valid filter %s",
  (filter) => expect(filterError(filter)).toBeNull(),
);

test.each([
  ["", /Write a filter/],
  ["a/#/b", /only at the end/],
  ["a#", /stands alone/],
  ["a/b+", /stands alone/],
  ["##", /stands alone/],
  ["a\0", /NUL/],
  ["\ud800", /half of a character/],
  ["$share/g", /\$share\/group\/filter/],
  ["$share//a", /\$share\/group/],
  ["$share/+/a", /group/],
  ["$share/g/", /after the group/],
  ["x".repeat(65_536), /65,535/],
  ["ü".repeat(32_768), /65,535/],
])("invalid filter %#", (filter, error) => expect(filterError(filter)).toMatch(error));

test("names take no wildcards", () => {
  expect(topicError("a/b")).toBeNull();
  expect(topicError("a/+")).toMatch(/takes no \+/);
  expect(topicError("a/#")).toMatch(/takes no #/);
  expect(topicError("")).toMatch(/Write a topic/);
  expect(topicError("ü".repeat(32_767))).toBeNull();
});

test("the levels above", () => {
  expect(ancestors("a/b/c")).toEqual(["a", "a/b"]);
  expect(ancestors("a")).toEqual([]);
  expect(ancestors("/a")).toEqual([""]);
});
