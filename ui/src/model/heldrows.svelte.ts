// The rows of a table that Rust sorts and filters: those in sight and some around them, fetched again and again.
//
// Rows never move under the pointer: while the table is held, rows keep their places and only their values change. What the user does
// (scroll, sort, filter) is answered with the order of the moment.

import { Feed, type Pausing } from "../host/feed.svelte";

/** Rows fetched above and below those in sight, so that scrolling finds them there. */
const MARGIN = 40;
/** Rows that one question may ask for while the table is searched through. */
export const STEP = 500;
const MAX_STEPS = 200;

export interface Rows<Row> {
  total: number;
  first: number;
  rows: readonly Row[];
}

export class HeldRows<Row, Answer extends Rows<Row>> {
  readonly feed: Feed<Answer>;
  /** The key of the row that the inspector shows. */
  selected = $state<string | undefined>(undefined);
  /** The table would look different if it were not held. */
  moved = $state(false);
  /** Rows that are held where they were, but are elsewhere by now or gone: what they show is not fresh. */
  left = $state.raw<ReadonlySet<string>>(new Set());

  #key: (row: Row) => string;
  #ask: (first: number, count: number) => Promise<Answer>;
  #first = 0;
  #count = 40;
  #held = false;
  // Every act of the user makes the next answer to it acceptable as it is.
  #acts = 1;
  #accepted = 0;
  #index = $state(-1);
  #wanted: number | undefined;

  constructor(pausing: Pausing, key: (row: Row) => string, ask: (first: number, count: number) => Promise<Answer>) {
    this.#key = key;
    this.#ask = ask;
    this.feed = new Feed(pausing, () => this.#answer());
  }

  get total(): number {
    return this.feed.data?.total ?? 0;
  }
  /** Where the selected row is, or was when it was last in sight; −1 for nowhere. */
  get index(): number {
    return this.#index;
  }
  get selectedRow(): Row | undefined {
    return this.feed.data?.rows.find((row) => this.#key(row) === this.selected);
  }

  row = (index: number): Row | undefined => {
    const data = this.feed.data;
    return data?.rows[index - data.first];
  };

  show = (first: number, count: number): void => {
    const from = Math.max(0, first - MARGIN);
    const length = first + count + MARGIN - from;
    if (from === this.#first && length === this.#count) return;
    this.#first = from;
    this.#count = length;
    this.act();
  };

  /** The user did something that may change the order: the next answer is shown as it is. */
  act(): void {
    this.#acts += 1;
    this.feed.refresh();
  }

  /** While true, rows keep their places. */
  hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    if (!held && this.moved) this.act();
  }

  select(index: number): void {
    const row = this.row(index);
    this.#index = index;
    this.#wanted = undefined;
    if (row) this.selected = this.#key(row);
    else this.#wanted = index;
  }

  clearSelection(): void {
    this.selected = undefined;
    this.#index = -1;
    this.#wanted = undefined;
  }

  /** Selects a row by its key and answers where it is: −1 where the table does not have it. */
  async find(key: string): Promise<number> {
    this.selected = key;
    this.#index = -1;
    this.act();
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const answer = await this.#ask(step * STEP, STEP);
      const at = answer.rows.findIndex((row) => this.#key(row) === key);
      if (at !== -1) {
        if (this.selected === key) this.#index = answer.first + at;
        return answer.first + at;
      }
      if ((step + 1) * STEP >= answer.total) break;
    }
    return -1;
  }

  /** Keys of a stretch of rows, in sight or not. */
  async keys(first: number, count: number): Promise<string[]> {
    const keys: string[] = [];
    while (keys.length < count) {
      const answer = await this.#ask(first + keys.length, Math.min(STEP, count - keys.length));
      if (answer.rows.length === 0) break;
      keys.push(...answer.rows.map(this.#key));
    }
    return keys;
  }

  async #answer(): Promise<Answer> {
    const acts = this.#acts;
    const answer = await this.#ask(this.#first, this.#count);
    const old = this.feed.data;
    // Where there is no row, none can move.
    const isFree = !this.#held || old === undefined || old.total === 0;
    if (isFree || acts !== this.#accepted || this.#sameOrder(old, answer)) {
      this.#accepted = acts;
      this.moved = false;
      if (this.left.size > 0) this.left = new Set();
      this.#follow(answer);
      return answer;
    }
    this.moved = true;
    const now = new Map(answer.rows.map((row) => [this.#key(row), row]));
    this.left = new Set(old.rows.map(this.#key).filter((key) => !now.has(key)));
    const rows = old.rows.map((row) => now.get(this.#key(row)) ?? row);
    return { ...answer, first: old.first, total: old.total, rows };
  }

  #sameOrder(old: Answer, now: Answer): boolean {
    return (
      old.first === now.first &&
      old.total === now.total &&
      old.rows.length === now.rows.length &&
      old.rows.every((row, i) => this.#key(row) === this.#key(now.rows[i]!))
    );
  }

  /** Keeps the index of the selected row true, and selects a row that had not been there yet. */
  #follow(answer: Answer): void {
    if (this.#wanted !== undefined) {
      const row = answer.rows[this.#wanted - answer.first];
      if (!row) return;
      this.selected = this.#key(row);
      this.#index = this.#wanted;
      this.#wanted = undefined;
      return;
    }
    const at = answer.rows.findIndex((row) => this.#key(row) === this.selected);
    if (at !== -1) this.#index = answer.first + at;
  }
}
