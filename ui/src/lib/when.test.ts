import { expect, test } from "vitest";
import { time } from "./format";
import { parseWhen, writeWhen } from "./when";

const now = new Date(2026, 10, 22, 16, 30, 5, 250).getTime();
const at = (...parts: [number, number, number, number?, number?, number?, number?]) => new Date(...parts).getTime();

test.each([
  ["14:07", at(2026, 10, 22, 14, 7)],
  ["14:07:42.015", at(2026, 10, 22, 14, 7, 42, 15)],
  ["14:07:42.5", at(2026, 10, 22, 14, 7, 42, 500)],
  ["today 9:00", at(2026, 10, 22, 9)],
  ["Yesterday  14:07", at(2026, 10, 21, 14, 7)],
  ["yesterday", at(2026, 10, 21)],
  ["21 Nov 14:07", at(2026, 10, 21, 14, 7)],
  ["1. January 2025", at(2025, 0, 1)],
  ["2026-11-21", at(2026, 10, 21)],
  ["2026-11-21 14:07", at(2026, 10, 21, 14, 7)],
  ["2026-11-21T14:07:42", at(2026, 10, 21, 14, 7, 42)],
  ["2026-11-21T14:07:42.000Z", Date.UTC(2026, 10, 21, 14, 7, 42)],
  ["2026-11-21T14:07:42+02:00", Date.UTC(2026, 10, 21, 12, 7, 42)],
  ["2 h ago", now - 7_200_000],
  ["-5min", now - 300_000],
  ["1.5 d", now - 129_600_000],
  ["now", now],
])("%s", (text, expected) => expect(parseWhen(text, now)).toBe(expected));

test.each(["", "soon", "25:00", "14:61", "31 Feb", "31 Foo 14:07", "2026-13-01", "14", "2 weeks ago"].filter(Boolean))(
  "not a time: %s",
  (text) => expect(parseWhen(text, now)).toBeNull(),
);

test("reads what the window writes", () => {
  const moment = at(2025, 2, 3, 4, 5, 6, 7);
  expect(parseWhen(time(moment, now), now)).toBe(moment);
});

test("a moment that was written is read again, to the millisecond", () => {
  for (const at of [0, 1_767_225_599_999, new Date(2026, 1, 3, 4, 5, 6, 7).getTime()]) {
    expect(parseWhen(writeWhen(at))).toBe(at);
  }
  expect(writeWhen(new Date(2026, 1, 3, 4, 5, 6, 7).getTime())).toBe("2026-02-03 04:05:06.007");
});
