// The topic tree of the window: which levels are unfolded, what it is filtered and sorted by, and the rows in sight. The tree itself
// is Rust's; this asks for some fifty rows of it at a time.
//
// Rows never move under the pointer: while the tree is held, rows keep their places and only their values change. What the
// user does (scroll, fold, filter) is answered with the order of the moment.

import { Feed, type Pausing } from "../host/feed.svelte";
import type { Host } from "../host/host";
import type { TopicRow } from "../host/types/TopicRow";
import type { TopicSort } from "../host/types/TopicSort";
import { ancestors, filterError, hasWildcard } from "../lib/topicfilter";

/** Rows fetched above and below those in sight, so that scrolling finds them there. */
const MARGIN = 40;
/** How long a changed value stays marked. */
const FRESH = 800;
/** Looking for a row goes through the tree in steps. */
const STEP = 500;
const MAX_STEPS = 100;

interface Shown {
  first: number;
  rows: readonly TopicRow[];
  total: number;
  topics: number;
  /** When this answer came. */
  at: number;
}

export class TopicTree {
  readonly feed: Feed<Shown>;
  filter = $state("");
  sort = $state<TopicSort>("name");
  selected = $state<string | undefined>(undefined);
  /** The tree would look different if it were not held. */
  moved = $state(false);

  #host: Host;
  #expanded = new Set<string>();
  #unfolded = $state(0);
  #first = 0;
  #count = 40;
  #held = false;
  // Every act of the user makes the next answer to it acceptable as it is.
  #acts = 1;
  #accepted = 0;
  #index = $state(-1);
  #wanted: number | undefined;

  constructor(host: Host, pausing: Pausing) {
    this.#host = host;
    this.feed = new Feed(pausing, () => this.#ask());
  }

  get total(): number {
    return this.feed.data?.total ?? 0;
  }
  get topics(): number {
    return this.feed.data?.topics ?? 0;
  }
  get anyUnfolded(): boolean {
    return this.#unfolded > 0;
  }
  get filterError(): string | undefined {
    return hasWildcard(this.filter) ? (filterError(this.filter) ?? undefined) : undefined;
  }
  /** Where the selected row is, or was when it was last in sight; −1 for nowhere. */
  get index(): number {
    return this.#index;
  }

  row = (index: number): TopicRow | undefined => {
    const data = this.feed.data;
    return data?.rows[index - data.first];
  };

  get selectedRow(): TopicRow | undefined {
    return this.feed.data?.rows.find((row) => row.path === this.selected);
  }

  isFresh(row: TopicRow): boolean {
    const at = this.feed.data?.at ?? 0;
    return row.changed_at !== null && at - row.changed_at < FRESH;
  }

  show = (first: number, count: number): void => {
    const from = Math.max(0, first - MARGIN);
    const length = first + count + MARGIN - from;
    if (from === this.#first && length === this.#count) return;
    this.#first = from;
    this.#count = length;
    this.#act();
  };

  setFilter(filter: string): void {
    this.filter = filter;
    this.#act();
  }

  setSort(sort: TopicSort): void {
    this.sort = sort;
    this.#act();
  }

  toggle(row: TopicRow): void {
    if (row.expanded) this.fold(row.path);
    else this.unfold(row.path);
  }

  unfold(path: string): void {
    this.#expanded.add(path);
    this.#unfolded = this.#expanded.size;
    this.#act();
  }

  fold(path: string): void {
    this.#expanded.delete(path);
    this.#unfolded = this.#expanded.size;
    this.#act();
  }

  foldAll(): void {
    this.#expanded.clear();
    this.#unfolded = 0;
    this.#act();
  }

  /** While true, rows keep their places. */
  hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    if (!held && this.moved) this.#act();
  }

  /** Shows the tree as it is now, though it is held. */
  catchUp(): void {
    this.#act();
  }

  select(index: number): void {
    const row = this.row(index);
    this.#index = index;
    if (row) this.selected = row.path;
    else this.#wanted = index;
  }

  clearSelection(): void {
    this.selected = undefined;
    this.#index = -1;
  }

  /** Unfolds the way to a topic and selects it; answers where it is. */
  async reveal(topic: string): Promise<number> {
    this.filter = "";
    this.selected = topic;
    for (const path of ancestors(topic)) this.#expanded.add(path);
    this.#unfolded = this.#expanded.size;
    this.#act();
    return this.#find(topic);
  }

  /** Goes to the level above the selected row; answers where it is, −1 where it is at the top. */
  async selectParent(): Promise<number> {
    const row = this.selectedRow;
    if (!row || row.depth === 1) return -1;
    // The name may hold several levels, where those in between have no other child.
    const parent = row.path.slice(0, row.path.length - row.name.length - 1);
    this.selected = parent;
    return this.#find(parent);
  }

  async #find(path: string): Promise<number> {
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const first = step * STEP;
      const answer = await this.#host.topicRows({ ...this.#query(), first, count: STEP });
      const at = answer.rows.findIndex((row) => row.path === path);
      if (at !== -1) {
        if (this.selected === path) this.#index = first + at;
        return first + at;
      }
      if (first + STEP >= answer.total) break;
    }
    return -1;
  }

  #act(): void {
    this.#acts += 1;
    this.feed.refresh();
  }

  #query() {
    // A filter that is being typed and not valid yet leaves the tree as the last valid one made it: it asks for nothing.
    const filter = this.filterError === undefined ? this.filter : "";
    return { expanded: [...this.#expanded], filter, sort: this.sort };
  }

  async #ask(): Promise<Shown> {
    const acts = this.#acts;
    const answer = await this.#host.topicRows({ ...this.#query(), first: this.#first, count: this.#count });
    const shown = { ...answer, at: Date.now() };
    const old = this.feed.data;
    if (!this.#held || acts !== this.#accepted || old === undefined || this.#sameOrder(old, shown)) {
      this.#accepted = acts;
      this.moved = false;
      this.#follow(shown);
      return shown;
    }
    this.moved = true;
    const now = new Map(shown.rows.map((row) => [row.path, row]));
    // A level that left the window keeps what it had: that is why there is a bar that says so.
    const rows = old.rows.map((row) => {
      const fresh = now.get(row.path);
      return fresh ? { ...fresh, expanded: row.expanded } : row;
    });
    return { ...old, rows, topics: shown.topics, at: shown.at };
  }

  #sameOrder(old: Shown, now: Shown): boolean {
    return (
      old.first === now.first &&
      old.total === now.total &&
      old.rows.length === now.rows.length &&
      old.rows.every((row, i) => row.path === now.rows[i]!.path && row.expanded === now.rows[i]!.expanded)
    );
  }

  /** Keeps the index of the selected row true, and selects a row that had not been there yet. */
  #follow(shown: Shown): void {
    if (this.#wanted !== undefined) {
      const row = shown.rows[this.#wanted - shown.first];
      if (!row) return;
      this.selected = row.path;
      this.#index = this.#wanted;
      this.#wanted = undefined;
    }
    const at = shown.rows.findIndex((row) => row.path === this.selected);
    if (at !== -1) this.#index = shown.first + at;
  }
}
