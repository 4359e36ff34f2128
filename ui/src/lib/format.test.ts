import { describe, expect, test } from "vitest";
import * as f from "./format";

describe("counts", () => {
  test.each([
    [0, "0"],
    [7, "7"],
    [12418, "12,418"],
    [2_100_000, "2,100,000"],
    [NaN, "–"],
  ])("count %d", (n, text) => {
    expect(f.count(n)).toBe(text);
  });
  test.each([
    [0, 0],
    [842, 842],
    [1_349_673, 1_350_000],
    [NaN, NaN],
  ])("roughly %d", (n, figure) => expect(f.roughly(n)).toBe(figure));
  test.each([
    [0, "0"],
    [842, "842"],
    [999, "999"],
    [999.6, "1.0 k"],
    [1000, "1.0 k"],
    [12_418, "12.4 k"],
    [99_949, "99.9 k"],
    [342_000, "342 k"],
    [999_960, "1.0 M"],
    [2_100_000, "2.1 M"],
    [7.2e9, "7.2 G"],
    [-5, "−5"],
  ])("countShort %d", (n, text) => expect(f.countShort(n)).toBe(text));
  test("plural", () => {
    expect(f.plural(1, "client")).toBe("1 client");
    expect(f.plural(1200, "client")).toBe("1,200 clients");
    expect(f.plural(0, "reply", "replies")).toBe("0 replies");
  });
});

test.each([
  [0, "–"],
  [-1, "–"],
  [NaN, "–"],
  [0.04, "<0.1"],
  [0.2, "0.2"],
  [9.94, "9.9"],
  [9.96, "10"],
  [312.4, "312"],
  [12418, "12,418"],
])("rate %d", (n, text) => expect(f.rate(n)).toBe(text));

test.each([
  [0, "–"],
  [6.4, "6.4"],
  [312, "312"],
  [3800, "3.8 k"],
  [11_204, "11.2 k"],
])("rateShort %d", (n, text) => expect(f.rateShort(n)).toBe(text));

test.each([
  [0, "0 B"],
  [58, "58 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [4_600_000, "4.6 MB"],
  [1.4e9, "1.4 GB"],
  [256_000, "256 kB"],
])("bytes %d", (n, text) => expect(f.bytes(n)).toBe(text));

test("bytesPerSecond", () => {
  expect(f.bytesPerSecond(0)).toBe("–");
  expect(f.bytesPerSecond(0.3)).toBe("1 B/s");
  expect(f.bytesPerSecond(4_600_000)).toBe("4.6 MB/s");
});

describe("times", () => {
  const at = new Date(2025, 10, 21, 14, 7, 42, 15).getTime();
  test("today without a date", () => expect(f.time(at, new Date(2025, 10, 21, 23, 59).getTime())).toBe("14:07:42.015"));
  test("another day with it", () => expect(f.time(at, new Date(2025, 10, 22).getTime())).toBe("21 Nov 14:07:42.015"));
  test("another year with that too", () =>
    expect(f.time(at, new Date(2026, 0, 2).getTime())).toBe("21 Nov 2025 14:07:42.015"));
  test("to the second and the minute", () => {
    expect(f.timeToSecond(at, at)).toBe("14:07:42");
    expect(f.hourMinute(at)).toBe("14:07");
  });
  test("full time is ISO 8601 and the same instant", () => {
    expect(f.fullTime(at)).toMatch(/^2025-11-21T14:07:42\.015(Z|[+-]\d\d:\d\d)$/);
    expect(new Date(f.fullTime(at)).getTime()).toBe(at);
  });
  test("nonsense is a dash", () => expect(f.time(NaN)).toBe("–"));
});

test.each([
  [400, "just now"],
  [12_000, "12 s"],
  [59_999, "59 s"],
  [185_000, "3 min"],
  [5 * 3_600_000, "5 h"],
  [49 * 3_600_000, "2 d"],
  [-900, "just now"],
])("age %d", (elapsed, text) => expect(f.age(1e12, 1e12 + elapsed)).toBe(text));

test.each([
  [0, "0 s"],
  [42, "42 s"],
  [192, "3 min 12 s"],
  [180, "3 min"],
  [3 * 86_400 + 4 * 3600 + 59, "3 d 4 h"],
  [3 * 86_400 + 5, "3 d"],
  [-1, "–"],
])("duration %d", (seconds, text) => expect(f.duration(seconds)).toBe(text));

test("a locale that Intl refuses becomes English", () => {
  expect(f.usableLocale("C")).toBe("en");
  expect(f.usableLocale("POSIX.UTF-8")).toBe("en");
  expect(f.usableLocale(undefined)).toBe("en");
  expect(f.usableLocale("de-DE")).toBe("de-DE");
});
