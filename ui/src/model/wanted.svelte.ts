// What is looked for in the history: the fields of the filter bar, what is wrong with them, and the query that they make.

import type { HistoryQuery } from "../host/types/HistoryQuery";
import { time } from "../lib/format";
import { filterError } from "../lib/topicfilter";
import { parseWhen, WHEN_EXAMPLES } from "../lib/when";

export type Range = "any" | "5 min" | "1 h" | "24 h" | "7 d" | "custom";
export type Retain = "any" | "yes" | "no";
export type Qos = "any" | "0" | "1" | "2";

const LENGTHS: Record<Exclude<Range, "any" | "custom">, number> = {
  "5 min": 300_000,
  "1 h": 3_600_000,
  "24 h": 86_400_000,
  "7 d": 7 * 86_400_000,
};

/** A choice of time, to go back to. */
export interface Span {
  range: Range;
  from: string;
  to: string;
}

export class Wanted {
  filter = $state("");
  client = $state("");
  text = $state("");
  /** What a value in a JSON payload must be. */
  json = $state("");
  /** What is wrong with it: Rust knows, and is asked before each search. */
  jsonError = $state<string | undefined>(undefined);
  qos = $state<Qos>("any");
  retain = $state<Retain>("any");
  range = $state<Range>("any");
  from = $state("");
  to = $state("");

  readonly filterError = $derived(this.filter === "" ? undefined : (filterError(this.filter) ?? undefined));
  readonly fromError = $derived(this.range === "custom" ? timeError(this.from) : undefined);
  readonly toError = $derived.by(() => {
    if (this.range !== "custom") return undefined;
    const error = timeError(this.to);
    if (error !== undefined || this.fromError !== undefined) return error;
    const [from, to] = [parseWhen(this.from), parseWhen(this.to)];
    return from !== null && to !== null && to < from ? "This is before the beginning." : undefined;
  });
  readonly valid = $derived(
    this.filterError === undefined &&
      this.jsonError === undefined &&
      this.fromError === undefined &&
      this.toError === undefined,
  );
  readonly narrowed = $derived(
    this.filter !== "" ||
      this.client !== "" ||
      this.text !== "" ||
      this.json !== "" ||
      this.qos !== "any" ||
      this.retain !== "any" ||
      this.range !== "any",
  );
  /** Nothing new can match. */
  readonly ends = $derived(this.range === "custom" && this.to.trim() !== "");

  get span(): Span {
    return { range: this.range, from: this.from, to: this.to };
  }
  set span({ range, from, to }: Span) {
    this.range = range;
    this.from = from;
    this.to = to;
  }

  setRange(range: Range): void {
    // The custom range begins as what the quick one meant.
    if (range === "custom" && this.range !== "custom" && this.range !== "any") {
      const now = Date.now();
      this.from = time(now - LENGTHS[this.range], now).slice(0, -4);
      this.to = "";
    }
    this.range = range;
  }

  /** Milliseconds; null leaves that end open. */
  setTimes(from: number | null, to: number | null): void {
    const now = Date.now();
    this.from = from === null ? "" : time(from, now);
    this.to = to === null ? "" : time(to, now);
    this.range = from === null && to === null ? "any" : "custom";
  }

  set(query: Partial<HistoryQuery>): void {
    this.filter = query.filter ?? "";
    this.client = query.client ?? "";
    this.text = query.text ?? "";
    this.json = query.json ?? "";
    this.jsonError = undefined;
    this.qos = query.qos == null ? "any" : (String(query.qos) as Qos);
    this.retain = query.retain == null ? "any" : query.retain ? "yes" : "no";
    this.setTimes(query.from ?? null, query.to ?? null);
  }

  query(): HistoryQuery {
    const custom = this.range === "custom";
    const length = this.range === "any" || custom ? undefined : LENGTHS[this.range as keyof typeof LENGTHS];
    return {
      filter: this.filter,
      client: this.client.trim(),
      text: this.text,
      json: this.json,
      qos: this.qos === "any" ? null : Number(this.qos),
      retain: this.retain === "any" ? null : this.retain === "yes",
      from: custom ? parseWhen(this.from) : length === undefined ? null : Date.now() - length,
      to: custom ? parseWhen(this.to) : null,
    };
  }
}

function timeError(text: string): string | undefined {
  return text.trim() === "" || parseWhen(text) !== null ? undefined : `Write a time such as ${WHEN_EXAMPLES}.`;
}
