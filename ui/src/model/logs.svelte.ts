// The screen Logs: what Nightjar says about itself, the newest first, and one record from close by.
//
// While something holds the list (a record is selected, the pointer is over it, it is scrolled, or the user switched Live off), it
// ends where it ended then: Rust is asked for the records up to that one, and counts those that came later.

import { asFault } from "../host/fault";
import { Feed } from "../host/feed.svelte";
import type { Fault } from "../host/types/Fault";
import type { LogLevel } from "../host/types/LogLevel";
import type { LogRow } from "../host/types/LogRow";
import type { LogRows } from "../host/types/LogRows";
import type { App } from "./app.svelte";

export type LogHold = "selected" | "hovered" | "scrolled" | "off";
/** Which records are listed. */
export type Shown = "all" | "info" | "warn" | "error";

/** Rows fetched above and below those in sight. */
const MARGIN = 40;

export class Logs {
  readonly feed: Feed<LogRows>;

  shown = $state<Shown>("all");
  text = $state("");
  live = $state(true);
  hovered = $state(false);
  scrolled = $state(false);
  /** The record that the inspector shows, also when it is out of sight. */
  selected = $state.raw<LogRow | undefined>(undefined);
  /** Why the level was not changed, or the folder not opened. */
  fault = $state.raw<Fault | undefined>(undefined);
  inspectorWidth = $state(348);

  readonly hold = $derived<LogHold | undefined>(
    this.selected !== undefined
      ? "selected"
      : !this.live
        ? "off"
        : this.scrolled
          ? "scrolled"
          : this.hovered
            ? "hovered"
            : undefined,
  );

  #app: App;
  #first = 0;
  #count = 60;
  /** Where the list ends while it is held. */
  #upTo: number | null = null;
  #at = $state(-1);
  #wanted: number | undefined;

  constructor(app: App) {
    this.#app = app;
    this.feed = new Feed(app, () => this.#ask());
  }

  get total(): number {
    return this.feed.data?.total ?? 0;
  }
  get newer(): number {
    return this.feed.data?.newer ?? 0;
  }
  /** Where the selected record is, or was when it was last in sight; −1 for nowhere. */
  get index(): number {
    return this.#at;
  }
  get narrowed(): boolean {
    return this.shown !== "all" || this.text !== "";
  }

  row = (index: number): LogRow | undefined => {
    const data = this.feed.data;
    return data?.rows[index - data.first];
  };

  /** Which rows are in sight. */
  show = (first: number, count: number): void => {
    this.scrolled = first > 0;
    this.settle();
    const from = Math.max(0, first - MARGIN);
    const length = first + count + MARGIN - from;
    if (from === this.#first && length === this.#count) return;
    this.#first = from;
    this.#count = length;
    this.feed.refresh();
  };

  setText(text: string): void {
    this.text = text;
    this.#at = -1;
    this.feed.refresh();
  }

  setShown(shown: Shown): void {
    this.shown = shown;
    this.#at = -1;
    this.feed.refresh();
  }

  setLive(live: boolean): void {
    this.live = live;
    this.settle();
  }

  hover(over: boolean): void {
    this.hovered = over;
    this.settle();
  }

  select(index: number): void {
    const row = this.row(index);
    this.#at = index;
    this.#wanted = row ? undefined : index;
    if (row) this.selected = row;
    this.settle();
  }

  deselect(): boolean {
    if (this.selected === undefined) return false;
    this.selected = undefined;
    this.#at = -1;
    this.settle();
    return true;
  }

  canStep(by: 1 | -1): boolean {
    const to = this.#at + by;
    return this.selected !== undefined && this.#at >= 0 && to >= 0 && to < this.total;
  }

  step(by: 1 | -1): void {
    if (this.canStep(by)) this.select(this.#at + by);
  }

  /** Lets the list run again, from the newest on. */
  catchUp(): void {
    this.live = true;
    this.selected = undefined;
    this.#at = -1;
    this.scrolled = false;
    this.#upTo = null;
    this.feed.refresh();
  }

  /** After what holds has changed. */
  settle(): void {
    const newest = this.feed.data?.newest;
    if (this.hold !== undefined) {
      if (newest !== undefined) this.#upTo ??= newest;
    } else if (this.#upTo !== null) {
      this.#upTo = null;
      this.feed.refresh();
    }
  }

  /** Records from this level up, from here on. */
  async record(level: LogLevel): Promise<void> {
    this.fault = undefined;
    try {
      await this.#app.host.setLogLevel(level);
    } catch (error) {
      this.fault = asFault(error);
    }
    this.feed.refresh();
  }

  async openFolder(): Promise<void> {
    this.fault = undefined;
    try {
      await this.#app.host.openDataDirectory();
    } catch (error) {
      this.fault = asFault(error);
    }
  }

  async #ask(): Promise<LogRows> {
    const { text, shown } = this;
    const level = shown === "all" ? null : shown;
    const answer = await this.#app.host.logRows({
      level,
      text,
      up_to: this.#upTo,
      first: this.#first,
      count: this.#count,
    });
    // What was typed meanwhile is asked next; its rows have other places.
    if (text === this.text && shown === this.shown) this.#follow(answer);
    return answer;
  }

  #follow(answer: LogRows): void {
    if (this.#wanted !== undefined) {
      const row = answer.rows[this.#wanted - answer.first];
      if (row) {
        this.selected = row;
        this.#wanted = undefined;
      }
    }
    const at = answer.rows.findIndex(({ id }) => id === this.selected?.id);
    if (at !== -1) this.#at = answer.first + at;
  }
}

/** `nightjar_broker::listener` as `broker::listener`: which crate is plain, others keep their names. */
export function shortTarget(target: string): string {
  return target.replace(/^nightjar_/, "");
}
