import { describe, expect, test } from "vitest";
import { parseJson } from "./json";
import { indented, jsonError } from "./jsonedit";

describe("jsonError", () => {
  test.each([
    ['{"a":1,}', 1, 8, "the comma before } is one too many"],
    ['{\n  "a": 1\n  "b": 2\n}', 3, 3, 'a comma or } is expected, not “"”'],
    ["{a: 1}", 1, 2, "a name in double quotes is expected, not “a”"],
    ['{"a" 1}', 1, 6, "a colon is expected, not “1”"],
    ["[1, 2", 1, 6, "a comma or ] is expected, not the end"],
    ["", 1, 1, "a value is expected, not the end"],
    ["[01]", 1, 2, "“01…” is not a value"],
    ["truely", 1, 1, "“truel…” is not a value"],
    ['"a', 1, 1, "the string does not end"],
    ['"\\x"', 1, 2, "“\\x” is no escape"],
    ["[1] 2", 1, 5, "nothing may follow the value, not even “2”"],
    ["[💡]", 1, 2, "a value is expected, not “💡”"],
  ])("%j", (text, line, column, what) => {
    expect(jsonError(text)).toEqual({ line, column, what });
  });

  test("agrees with JSON.parse about what is valid", () => {
    const pieces = [
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      "1",
      "-0.5e3",
      "true",
      "null",
      " ",
      "\n",
      "0",
      ".",
      '"',
      "\\u00e9",
    ];
    // A walk that is the same in every run.
    let state = 7;
    const next = (n: number) => (state = (state * 48_271) % 2_147_483_647) % n;
    let valid = 0;
    const disagreed: string[] = [];
    for (let round = 0; round < 20_000; round += 1) {
      const text = Array.from({ length: 1 + next(7) }, () => pieces[next(pieces.length)]).join("");
      let parses = true;
      try {
        JSON.parse(text);
      } catch {
        parses = false;
      }
      if (parses) valid += 1;
      if ((jsonError(text) === null) !== parses) disagreed.push(text);
    }
    expect(disagreed).toEqual([]);
    expect(valid).toBeGreaterThan(500);
  });

  test("ends on nesting that would exhaust the stack", () => {
    expect(jsonError("[".repeat(100_000))?.what).toBe("it is nested too deeply");
  });
});

test("indenting keeps numbers and repeated members as they were written", () => {
  const text = '{"a":1.0,"a":12345678901234567890,"b":[],"c":[1,{"d":"\\u00e9"}],"e":{}}';
  expect(indented(parseJson(text)!)).toBe(
    '{\n  "a": 1.0,\n  "a": 12345678901234567890,\n  "b": [],\n  "c": [\n    1,\n    {\n      "d": "\\u00e9"\n    }\n  ],\n  "e": {}\n}',
  );
});
