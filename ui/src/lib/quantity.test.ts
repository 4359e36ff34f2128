import { describe, expect, it } from "vitest";
import { parseAge, parseCount, parseSize, writeAge, writeCount, writeSize } from "./quantity";

const DAY = 86_400_000;

describe("a length of time", () => {
  it.each([
    ["", null],
    ["7 days", 7 * DAY],
    ["7d", 7 * DAY],
    ["1 day", DAY],
    ["2 weeks", 14 * DAY],
    ["1.5 h", 5_400_000],
    ["90 MIN", 5_400_000],
    ["1,000 s", 1_000_000],
  ])("reads %j", (text, value) => expect(parseAge(text)).toEqual({ value }));
  it.each(["7", "days", "-7 days", "7 parsecs", "7 days ago", "1..5 h", "∞"])("refuses %j, and says how", (text) =>
    expect(parseAge(text).error).toMatch(/such as 7 days/),
  );
  it("refuses none at all, and what no number holds", () => {
    expect(parseAge("0 days").error).toMatch(/Don't record/);
    expect(parseAge("99999999999999 days").error).toMatch(/more than/);
  });
  it.each([
    [null, ""],
    [DAY, "1 day"],
    [30 * DAY, "30 days"],
    [36 * 3_600_000, "36 h"],
    [5_400_000, "90 min"],
    [1500, "1.5 s"],
  ])("is written: %j", (ms, text) => {
    expect(writeAge(ms)).toBe(text);
    expect(parseAge(text)).toEqual({ value: ms });
  });
});

describe("a size", () => {
  it.each([
    ["500 MB", 500_000_000],
    ["500mb", 500_000_000],
    ["1.5 GB", 1_500_000_000],
    ["64 MiB", 64 * 2 ** 20],
    ["12 B", 12],
  ])("reads %j", (text, value) => expect(parseSize(text)).toEqual({ value }));
  it.each(["500", "MB", "5 XB"])("refuses %j", (text) => expect(parseSize(text).error).toMatch(/such as 500 MB/));
  it.each([
    [10_000_000_000, "10 GB"],
    [1_500_000_000, "1.5 GB"],
    [64 * 2 ** 20, "64 MiB"],
    [1_234_567, "1,234.567 kB"],
    [999, "999 B"],
  ])("is written exactly: %j", (bytes, text) => {
    expect(writeSize(bytes)).toBe(text);
    expect(parseSize(text)).toEqual({ value: bytes });
  });
});

describe("a count", () => {
  it.each([
    ["1000", 1000],
    ["1,000", 1000],
    [" 1 000 ", 1000],
    ["", null],
  ])("reads %j", (text, value) => expect(parseCount(text)).toEqual({ value }));
  it.each(["1.5", "ten", "5 k", "-1"])("refuses %j", (text) => expect(parseCount(text).error).toMatch(/whole number/));
  it("is written in groups", () => expect([writeCount(12_418), writeCount(null)]).toEqual(["12,418", ""]));
});
