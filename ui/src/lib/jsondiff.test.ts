import { describe, expect, test } from "vitest";
import { parseJson } from "./json";
import { changes, jsonLines, textPieces } from "./jsondiff";

function show(now: string, before?: string): string[] {
  return jsonLines(parseJson(now)!, before === undefined ? null : parseJson(before)).map((line) => {
    const text = "  ".repeat(line.depth) + line.tokens.map((t) => t.text).join("");
    const mark = line.change === "changed" ? ` ~ was ${line.was}` : line.change ? ` ~ ${line.change}` : "";
    return text + mark;
  });
}

test("lines without a message before", () => {
  expect(show('{"value":71.91,"list":[1,{}],"none":[]}')).toEqual([
    "{",
    '  "value": 71.91,',
    '  "list": [',
    "    1,",
    "    {}",
    "  ],",
    '  "none": []',
    "}",
  ]);
});

describe("changes", () => {
  test("a value says what it was", () => {
    expect(show('{"value":71.91,"unit":"°C","seq":88210}', '{"value":71.95,"unit":"°C","seq":88209}')).toEqual([
      "{",
      '  "value": 71.91, ~ was 71.95',
      '  "unit": "°C",',
      '  "seq": 88210 ~ was 88209',
      "}",
    ]);
  });
  test("the order of members does not matter", () => {
    expect(changes(jsonLines(parseJson('{"a":1,"b":[2]}')!, parseJson('{"b":[2],"a":1}')))).toBe(0);
  });
  test("members come and go in place", () => {
    expect(show('{"a":1,"new":{"x":2}}', '{"a":1,"gone":[3]}')).toEqual([
      "{",
      '  "a": 1,',
      '  "gone": [ ~ removed',
      "    3 ~ removed",
      "  ] ~ removed",
      '  "new": { ~ added',
      '    "x": 2 ~ added',
      "  } ~ added",
      "}",
    ]);
  });
  test("a removed member at the end leaves no comma behind", () => {
    expect(show('{"a":1}', '{"a":1,"b":2}')).toEqual(["{", '  "a": 1', '  "b": 2 ~ removed', "}"]);
    expect(show("{}", '{"b":2}')).toEqual(["{", '  "b": 2 ~ removed', "}"]);
  });
  test("another type is one change", () => {
    expect(show('{"a":{"b":1}}', '{"a":7}')).toEqual(["{", '  "a": { ~ was 7', '    "b": 1', "  }", "}"]);
    expect(show('{"a":7}', '{"a":{"b":1}}')).toEqual(["{", '  "a": 7 ~ was {"b":1}', "}"]);
    expect(show('{"a":"7"}', '{"a":7}')).toEqual(["{", '  "a": "7" ~ was 7', "}"]);
  });
  test("vectors compare place by place, lists by content", () => {
    expect(show("[1,5,3]", "[1,2,3]")).toEqual(["[", "  1,", "  5, ~ was 2", "  3", "]"]);
    expect(show('["new","a","b"]', '["a","b"]')).toEqual(["[", '  "new", ~ added', '  "a",', '  "b"', "]"]);
    expect(show('["b"]', '["a","b"]')).toEqual(["[", '  "a" ~ removed', '  "b"', "]"]);
  });
  test("a long value is cut in what was", () => {
    const line = jsonLines(parseJson('{"a":1}')!, parseJson(`{"a":"${"x".repeat(500)}"}`))[1]!;
    expect(line.was.length).toBeLessThan(60);
  });
});

describe("text", () => {
  test("words", () => {
    expect(textPieces("door open now", "door closed now")).toEqual([
      { text: "door ", change: null },
      { text: "closed", change: "removed" },
      { text: "open", change: "added" },
      { text: " now", change: null },
    ]);
  });
  test("the pieces that are not removed are the new text", () => {
    const pieces = textPieces("a\nb\n\nc d", "b\nx\nc  d\n")!;
    expect(
      pieces
        .filter((p) => p.change !== "removed")
        .map((p) => p.text)
        .join(""),
    ).toBe("a\nb\n\nc d");
  });
  test("too long or too different is not compared to the end", { timeout: 60_000 }, () => {
    expect(textPieces("x".repeat(300_000), "y".repeat(300_000))).toBeNull();
    // The work grows with the square of the lines that differ, not with the lines.
    const lines = (others: number) =>
      Array.from({ length: 9000 }, (_, i) => (i < others ? `other ${i}` : `line ${i}`)).join("\n");
    expect(textPieces(lines(100), lines(0))).not.toBeNull();
    expect(textPieces(lines(800), lines(0))).toBeNull();
  });
});
