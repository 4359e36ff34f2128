// JSON while it is being written: what is wrong with it and where, and the same JSON indented. WebKit's parser does not say
// where it stopped, so this one does.

import type { Json } from "./json";

export interface JsonError {
  /** From 1. */
  line: number;
  column: number;
  what: string;
}

/** Deeper nesting than this is reported instead of followed: the recursion must end before the stack does. */
const MAX_DEPTH = 400;

class Stop {
  constructor(
    readonly at: number,
    readonly what: string,
  ) {}
}

/** The first thing that is wrong with a text as JSON, or null. */
export function jsonError(text: string): JsonError | null {
  try {
    let at = value(text, space(text, 0), 0);
    at = space(text, at);
    if (at < text.length) throw new Stop(at, `nothing may follow the value, not even ${shown(text, at)}`);
    return null;
  } catch (stop) {
    if (!(stop instanceof Stop)) throw stop;
    const before = text.slice(0, stop.at).split("\n");
    return { line: before.length, column: before.at(-1)!.length + 1, what: stop.what };
  }
}

/** Over several lines; every literal as it was written. */
export function indented(json: Json, step = "  ", margin = ""): string {
  const inner = margin + step;
  switch (json.kind) {
    case "object":
      if (json.members.length === 0) return "{}";
      return `{\n${json.members.map(({ key, value }) => `${inner}${key}: ${indented(value, step, inner)}`).join(",\n")}\n${margin}}`;
    case "array":
      if (json.items.length === 0) return "[]";
      return `[\n${json.items.map((item) => inner + indented(item, step, inner)).join(",\n")}\n${margin}]`;
    default:
      return json.text;
  }
}

function shown(text: string, at: number): string {
  return at >= text.length ? "the end" : `“${String.fromCodePoint(text.codePointAt(at)!)}”`;
}

function space(text: string, at: number): number {
  while (at < text.length && " \t\r\n".includes(text[at]!)) at += 1;
  return at;
}

// Each takes where it begins and answers where it ends.

function value(text: string, at: number, depth: number): number {
  if (depth > MAX_DEPTH) throw new Stop(at, "it is nested too deeply");
  const first = text[at];
  if (first === "{" || first === "[") return list(text, at, depth, first === "{");
  if (first === '"') return string(text, at);
  for (const word of ["true", "false", "null"])
    if (text.startsWith(word, at)) return wordEnd(text, at, at + word.length);
  const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
  number.lastIndex = at;
  if (number.test(text)) return wordEnd(text, at, number.lastIndex);
  throw new Stop(at, `a value is expected, not ${shown(text, at)}`);
}

/** A literal must not run on: "truely", "01", "1.". */
function wordEnd(text: string, from: number, end: number): number {
  const next = text[end];
  if (next === undefined || !/[\w.+-]/.test(next)) return end;
  throw new Stop(from, `“${text.slice(from, end + 1)}…” is not a value`);
}

function list(text: string, at: number, depth: number, isObject: boolean): number {
  const close = isObject ? "}" : "]";
  at = space(text, at + 1);
  if (text[at] === close) return at + 1;
  for (;;) {
    if (isObject) {
      if (text[at] !== '"') throw new Stop(at, `a name in double quotes is expected, not ${shown(text, at)}`);
      at = space(text, string(text, at));
      if (text[at] !== ":") throw new Stop(at, `a colon is expected, not ${shown(text, at)}`);
      at = space(text, at + 1);
    }
    at = space(text, value(text, at, depth + 1));
    if (text[at] === close) return at + 1;
    if (text[at] !== ",") throw new Stop(at, `a comma or ${close} is expected, not ${shown(text, at)}`);
    at = space(text, at + 1);
    if (text[at] === close) throw new Stop(at, `the comma before ${close} is one too many`);
  }
}

function string(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    const char = text[at]!;
    if (char === '"') return at + 1;
    if (char < " ") throw new Stop(at, "a line break or control character in a string is written \\n, \\t or \\u0000");
    if (char !== "\\") continue;
    const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
    escape.lastIndex = at;
    if (!escape.test(text)) throw new Stop(at, `“${text.slice(at, at + 2)}” is no escape`);
    at = escape.lastIndex - 1;
  }
  throw new Stop(from, "the string does not end");
}
