import { expect, test } from "vitest";
import { compact, parseJson } from "./json";

test.each([
  ['{"a":1.0,"b":12345678901234567890,"c":1e3}', '{"a":1.0,"b":12345678901234567890,"c":1e3}'],
  [' [ 1 , -2.50 ,\n"x\\"y]" , null,true ] ', '[1,-2.50,"x\\"y]",null,true]'],
  ['{"a":{},"b":[],"a":[[]]}', '{"a":{},"b":[],"a":[[]]}'],
  ['"\\\\"', '"\\\\"'],
  ["-0.0", "-0.0"],
  ['{"°C":"\\u00b0 ü 🦉"}', '{"°C":"\\u00b0 ü 🦉"}'],
])("literals keep their text: %s", (text, expected) => {
  const json = parseJson(text);
  expect(json).not.toBeNull();
  expect(compact(json!)).toBe(expected);
});

test.each(["", "{", "{a:1}", "[1,]", "nul", "1 2", "NaN"])("not JSON: %s", (text) =>
  expect(parseJson(text)).toBeNull(),
);

test("nesting beyond reason is text", () => {
  expect(parseJson("[".repeat(50_000) + "]".repeat(50_000))).toBeNull();
  expect(parseJson("[".repeat(300) + "]".repeat(300))).not.toBeNull();
});

test("agrees with JSON.parse on what it prints", () => {
  const value = { a: [1, { b: 'c,]}:"' }, null, false], "": { d: [[], {}] }, e: -1.5e-7 };
  expect(JSON.parse(compact(parseJson(JSON.stringify(value, null, 3))!))).toEqual(value);
});
