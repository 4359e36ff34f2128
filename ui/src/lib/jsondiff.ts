// What changed between two payloads: lines of JSON that know what they were, and pieces of text.

import { diffArrays, diffLines, diffWordsWithSpace, type Change } from "diff";
import { compact, type Json } from "./json";

export type Token = { kind: "key" | "string" | "number" | "literal" | "punctuation"; text: string };

export type JsonLine = {
  depth: number;
  tokens: Token[];
  /** How the line differs from the message before, where it does. */
  change: "changed" | "added" | "removed" | null;
  /** What stood here before; empty unless `changed`. */
  was: string;
};

/** Longer literals are cut in the JSON view: a megabyte in one line helps nobody. */
const MAX_LITERAL = 2000;
const MAX_WAS = 48;

/** A value as indented lines; with `before`, each says whether and from what it changed. */
export function jsonLines(value: Json, before: Json | null = null): JsonLine[] {
  const out: JsonLine[] = [];
  write(out, 0, [], value, before ?? undefined, before === null ? "same" : "compare", "");
  return out;
}

/** How many lines differ. */
export function changes(lines: readonly JsonLine[]): number {
  return lines.reduce((n, line) => n + (line.change === null ? 0 : 1), 0);
}

type Mode = "same" | "compare" | "added" | "removed";

function write(
  out: JsonLine[],
  depth: number,
  label: Token[],
  value: Json,
  before: Json | undefined,
  mode: Mode,
  end: string,
): void {
  let change: JsonLine["change"] = mode === "added" || mode === "removed" ? mode : null;
  let was = "";
  let inner: Mode = mode;
  if (mode === "compare" && before !== undefined) {
    if (before.kind !== value.kind || (isScalar(value) && isScalar(before) && before.text !== value.text)) {
      change = "changed";
      was = shorten(compact(before), MAX_WAS);
      inner = "same";
    }
  }
  if (isScalar(value)) {
    out.push({ depth, tokens: [...label, scalar(value), ...punctuation(end)], change, was });
    return;
  }
  const [open, close] = value.kind === "object" ? ["{", "}"] : ["[", "]"];
  const rows =
    inner === "compare"
      ? alignChildren(value, before)
      : children(value).map((c) => ({ ...c, before: undefined, mode: inner }));
  if (rows.length === 0) {
    out.push({ depth, tokens: [...label, ...punctuation(open + close + end)], change, was });
    return;
  }
  out.push({ depth, tokens: [...label, ...punctuation(open)], change, was });
  // The last line that is really there carries no comma, whatever removed lines follow it.
  const last = rows.reduce((at, row, i) => (row.mode === "removed" ? at : i), -1);
  rows.forEach((row, i) => {
    const key: Token[] =
      row.key === null
        ? []
        : [
            { kind: "key", text: row.key },
            { kind: "punctuation", text: ": " },
          ];
    write(out, depth + 1, key, row.value, row.before, row.mode, i !== last && row.mode !== "removed" ? "," : "");
  });
  out.push({
    depth,
    tokens: punctuation(close + end),
    change: mode === "added" || mode === "removed" ? mode : null,
    was: "",
  });
}

type Child = { key: string | null; value: Json };
type AlignedChild = Child & { before: Json | undefined; mode: Mode };

function children(value: Json): Child[] {
  if (value.kind === "object") return value.members;
  return value.kind === "array" ? value.items.map((item) => ({ key: null, value: item })) : [];
}

/** Children of both, in the order of the new one; what is gone stands where it stood. */
function alignChildren(value: Json, before: Json | undefined): AlignedChild[] {
  if (value.kind === "object" && before?.kind === "object") return alignMembers(value.members, before.members);
  if (value.kind === "array" && before?.kind === "array") return alignItems(value.items, before.items);
  return children(value).map((c) => ({ ...c, before: undefined, mode: "same" }));
}

function alignMembers(now: { key: string; value: Json }[], before: { key: string; value: Json }[]): AlignedChild[] {
  const old = new Map(before.map((m) => [m.key, m.value]));
  const rows: AlignedChild[] = now.map((m) =>
    old.has(m.key) ? { ...m, before: old.get(m.key), mode: "compare" } : { ...m, before: undefined, mode: "added" },
  );
  const kept = new Set(now.map((m) => m.key));
  before.forEach((m, i) => {
    if (kept.has(m.key)) return;
    const neighbour = i === 0 ? undefined : before[i - 1]!.key;
    const at = neighbour === undefined ? 0 : rows.findIndex((row) => row.key === neighbour) + 1;
    rows.splice(at === 0 && i > 0 ? rows.length : at, 0, { ...m, before: undefined, mode: "removed" });
  });
  return rows;
}

function alignItems(now: Json[], before: Json[]): AlignedChild[] {
  // Arrays of the same length are mostly vectors: place by place reads better there, and costs nothing.
  if (now.length === before.length || now.length + before.length > 2000) {
    return now.map((value, i) => {
      const old = before[i];
      return { key: null, value, before: old, mode: old === undefined ? "added" : "compare" };
    });
  }
  const pieces = diffArrays(before.map(compact), now.map(compact));
  const rows: AlignedChild[] = [];
  let atNow = 0;
  let atBefore = 0;
  for (const piece of pieces) {
    for (let i = 0; i < piece.value.length; i += 1) {
      if (piece.removed) rows.push({ key: null, value: before[atBefore++]!, before: undefined, mode: "removed" });
      else if (piece.added) rows.push({ key: null, value: now[atNow++]!, before: undefined, mode: "added" });
      else rows.push({ key: null, value: now[atNow++]!, before: before[atBefore++], mode: "compare" });
    }
  }
  return rows;
}

function isScalar(json: Json): json is Extract<Json, { text: string }> {
  return json.kind !== "object" && json.kind !== "array";
}

function scalar(json: Extract<Json, { text: string }>): Token {
  return { kind: json.kind, text: shorten(json.text, MAX_LITERAL) };
}

function punctuation(text: string): Token[] {
  return text === "" ? [] : [{ kind: "punctuation", text }];
}

function shorten(text: string, limit: number): string {
  return text.length > limit ? `${text.slice(0, limit)}…` : text;
}

export type Piece = { text: string; change: "added" | "removed" | null };

/** Longer texts are compared by lines, and beyond the second bound not at all. */
const BY_WORDS = 20_000;
const BY_LINES = 400_000;
/** Past this many edits the texts have nothing in common that a reader could use. */
const MAX_EDITS = 1500;

/** The new text with what was added and what was removed; null where they are too long or too different to compare. */
export function textPieces(now: string, before: string): Piece[] | null {
  if (now === before) return [{ text: now, change: null }];
  const length = now.length + before.length;
  if (length > BY_LINES) return null;
  const bound = { maxEditLength: MAX_EDITS };
  const pieces: Change[] | undefined =
    length > BY_WORDS ? diffLines(before, now, bound) : diffWordsWithSpace(before, now, bound);
  return pieces?.map((p) => ({ text: p.value, change: p.added ? "added" : p.removed ? "removed" : null })) ?? null;
}
