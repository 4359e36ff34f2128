// The screen History: what is looked for, the search that runs or has run, and the rows of it that are in sight.
//
// A search keeps its rows in their places while it goes on, so that any of millions can be asked for by position.

import { asFault } from "../host/fault";
import { Feed } from "../host/feed.svelte";
import type { Host } from "../host/host";
import type { Fault } from "../host/types/Fault";
import type { HistoryGap } from "../host/types/HistoryGap";
import type { HistoryHistogram } from "../host/types/HistoryHistogram";
import type { HistoryPage } from "../host/types/HistoryPage";
import type { HistoryPick } from "../host/types/HistoryPick";
import type { HistoryProgress } from "../host/types/HistoryProgress";
import type { HistoryQuery } from "../host/types/HistoryQuery";
import type { MessageDetail } from "../host/types/MessageDetail";
import type { MessageRow } from "../host/types/MessageRow";
import { Pages } from "../lib/pages";
import { has, NO_RANGES, size, toggled, withAll, type Ranges } from "../lib/ranges";
import type { App } from "./app.svelte";
import { Inspected } from "./inspected.svelte";
import { Wanted, type Range, type Span } from "./wanted.svelte";

const PAGE = 100;
const KEPT_PAGES = 80;
const MARGIN = 40;
/** After the last key of a field that is being typed. */
const TYPING = 350;
/** A finished search is asked only what is newer. */
const DONE_PERIOD = 1000;
/** Bars of the histogram. */
const SLOTS = 120;

export class History {
  readonly feed: Feed<void>;
  readonly inspected: Inspected<number>;

  readonly wanted = new Wanted();
  progress = $state.raw<HistoryProgress | undefined>(undefined);
  fault = $state.raw<Fault | undefined>(undefined);
  /** The user cancelled it: what was found and fetched stays, the rest is not there. */
  stopped = $state(false);
  /** When the search began, which is where its newest row may be from. */
  searchedAt = $state(0);
  /** The row that the inspector shows, and that keys go from. */
  selected = $state(-1);
  /** Rows that were picked out by hand, for an export or the clipboard. */
  picked = $state.raw<Ranges>(NO_RANGES);
  histogram = $state.raw<HistoryHistogram | undefined>(undefined);
  /** Times of the search of which messages are missing, the newest first. */
  gaps = $state.raw<readonly HistoryGap[]>([]);
  /** The times that were chosen before the one that was chosen on the histogram, the last one last. */
  wider = $state.raw<readonly Span[]>([]);
  inspectorWidth = $state(348);

  // Before the derivations that read it.
  #kept = $state(0);

  readonly total = $derived(this.stopped ? this.#kept : (this.progress?.found ?? 0));
  readonly searching = $derived(this.progress !== undefined && !this.progress.done && !this.stopped);
  /** Messages since the search that it could not see; of no interest where it ends in the past. */
  readonly newer = $derived(this.wanted.ends || this.stopped ? 0 : (this.progress?.newer ?? 0));

  readonly pickedCount = $derived(size(this.picked));

  #host: Host;
  /** Where a range begins. */
  #anchor = -1;
  /** What the search looks for. */
  #query: HistoryQuery = this.wanted.query();
  #pages = new Pages<MessageRow | null>(PAGE, KEPT_PAGES);
  #version = $state(0);
  #first = 0;
  #count = 40;
  #filling = false;
  #run = 0;
  #polled = 0;
  #wanted: number | undefined;
  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor(app: App) {
    this.#host = app.host;
    this.feed = new Feed(app, () => this.#poll());
    this.inspected = new Inspected((id: number): Promise<MessageDetail> => app.host.message(id));
  }

  /** The row at a position: undefined until it is fetched, null where it is no longer in the history. */
  row = (index: number): MessageRow | null | undefined => {
    void this.#version;
    return this.#pages.get(index);
  };

  show = (first: number, count: number): void => {
    this.#first = Math.max(0, first - MARGIN);
    this.#count = first + count + MARGIN - this.#first;
    void this.#fill();
  };

  /** A field is being typed: search when the typing pauses. */
  typed(): void {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => void this.search(), TYPING);
  }

  /** Something was chosen that is not typed. */
  setRange(range: Range): void {
    this.wider = [];
    this.wanted.setRange(range);
    void this.search();
  }

  /** A span was chosen on the histogram. */
  setSpan(from: number, to: number): void {
    this.wider = [...this.wider, this.wanted.span];
    this.wanted.setTimes(from, to);
    void this.search();
  }

  /** To the time that was looked at before the last span was chosen. */
  widen(): void {
    const before = this.wider.at(-1);
    if (before === undefined) return;
    this.wider = this.wider.slice(0, -1);
    this.wanted.span = before;
    void this.search();
  }

  clear(): void {
    this.open({});
  }

  /** Another screen sent the user here. */
  open(query: Partial<HistoryQuery>): void {
    this.wider = [];
    this.wanted.set(query);
    void this.search();
  }

  async search(): Promise<void> {
    clearTimeout(this.#typing);
    this.wanted.jsonError = undefined;
    if (!this.wanted.valid) return;
    const run = (this.#run += 1);
    try {
      if (this.wanted.json !== "") {
        const error = await this.#host.conditionError(this.wanted.json);
        if (run !== this.#run) return;
        this.wanted.jsonError = error ?? undefined;
        if (error !== null) return;
      }
      this.#close();
      const query = this.wanted.query();
      const progress = await this.#host.historyOpen(query);
      if (run !== this.#run) {
        void this.#host.historyClose(progress.search).catch(() => undefined);
        return;
      }
      this.#pages.clear();
      this.#version += 1;
      this.#wanted = undefined;
      this.#polled = this.searchedAt = Date.now();
      this.progress = progress;
      this.fault = undefined;
      this.stopped = false;
      this.histogram = undefined;
      this.gaps = [];
      this.#query = query;
      this.deselect();
      void this.#findGaps();
      await this.#fill();
      if (progress.done) void this.#measure();
    } catch (error) {
      if (run !== this.#run) return;
      this.progress = undefined;
      this.fault = asFault(error);
    }
  }

  /** Stops a search that takes too long. */
  cancel(): void {
    const { progress } = this;
    if (progress === undefined || progress.done) return;
    let kept = 0;
    while (this.#pages.get(kept) !== undefined) kept += 1;
    this.#kept = kept;
    this.stopped = true;
    this.unpick();
    this.#run += 1;
    void this.#host.historyClose(progress.search).catch(() => undefined);
  }

  select(index: number): void {
    this.selected = index;
    const row = this.#pages.get(index);
    this.#wanted = row === undefined ? index : undefined;
    if (row !== undefined) this.inspected.show(row?.id);
  }

  deselect(): void {
    this.unpick();
    this.selected = -1;
    this.#wanted = undefined;
    this.inspected.show(undefined);
  }

  // Picking, as lists do everywhere: a press picks one row, Ctrl takes one in or out, Shift all from the last one on.

  isPicked(index: number): boolean {
    return has(this.picked, index);
  }

  /** A press, or an arrow key, without anything else. */
  pick(index: number): void {
    this.unpick();
    this.#anchor = index;
    this.select(index);
  }

  toggle(index: number): void {
    // Of a search that was stopped, only what is in sight is left.
    if (this.stopped) return this.pick(index);
    const before =
      this.picked.length > 0 || this.selected < 0 ? this.picked : withAll(NO_RANGES, this.selected, this.selected);
    this.picked = toggled(before, index);
    this.#anchor = index;
    this.select(index);
  }

  /** All from where the last pick began to this row; `more` keeps what is picked elsewhere. */
  extend(index: number, more = false): void {
    if (this.stopped) return this.pick(index);
    if (this.#anchor < 0) this.#anchor = Math.max(0, this.selected);
    this.picked = withAll(more ? this.picked : NO_RANGES, this.#anchor, index);
    this.select(index);
  }

  pickAll(): void {
    if (this.total > 0 && !this.stopped) this.picked = withAll(NO_RANGES, 0, this.total - 1);
  }

  unpick(): void {
    this.picked = NO_RANGES;
    this.#anchor = this.selected;
  }

  /** What is picked, for the host. */
  get pickedRows(): HistoryPick | undefined {
    if (this.progress === undefined || this.picked.length === 0) return undefined;
    return { search: this.progress.search, ranges: this.picked.map(([first, end]) => [first, end - first]) };
  }

  canStep(by: 1 | -1): boolean {
    return this.selected >= 0 && this.selected + by >= 0 && this.selected + by < this.total;
  }

  /** The position of the newest message that is not after a time; the last one where all are. */
  async positionOf(at: number): Promise<number> {
    let [low, high] = [0, this.total];
    while (low < high) {
      const middle = (low + high) >> 1;
      const row = await this.#rowAt(middle);
      // What is gone was older than all that is there.
      if (row === undefined || row.at <= at) high = middle;
      else low = middle + 1;
    }
    return Math.max(0, Math.min(low, this.total - 1));
  }

  #close(): void {
    if (this.progress === undefined || this.stopped) return;
    // A search that is gone already needs no closing.
    void this.#host.historyClose(this.progress.search).catch(() => undefined);
  }

  async #rowAt(index: number): Promise<MessageRow | undefined> {
    const search = this.progress?.search;
    const held = this.#pages.get(index);
    if (held !== undefined || search === undefined || this.stopped) return held ?? undefined;
    return (await this.#host.historyPage(search, index, 1)).rows[0];
  }

  async #poll(): Promise<void> {
    const { progress } = this;
    if (progress === undefined || this.stopped) return;
    if (progress.done && Date.now() - this.#polled < DONE_PERIOD) return;
    const run = this.#run;
    const answer = await this.#host.historyPage(progress.search, 0, 0);
    if (run !== this.#run) return;
    // Only an answer lets it rest: a search that is gone goes on saying so.
    this.#polled = Date.now();
    this.progress = answer.progress;
    if (answer.progress.done && !progress.done) void this.#measure();
    void this.#fill();
  }

  /** Fetches what is in sight and not there, a page at a time; what is in sight may change meanwhile. */
  async #fill(): Promise<void> {
    if (this.#filling) return;
    this.#filling = true;
    try {
      for (;;) {
        const { progress } = this;
        if (progress === undefined || this.stopped) break;
        const page = this.#pages.missing(this.#first, this.#count, progress.found)[0];
        if (page === undefined) break;
        const answer = await this.#host.historyPage(progress.search, page * PAGE, PAGE);
        if (progress.search !== this.progress?.search || this.stopped) continue;
        this.#pages.put(page, this.#complete(page, answer));
        this.#version += 1;
        this.#fulfil();
        // While the search goes on its last page is never complete; the next poll asks again.
        if (this.#pages.missing(page * PAGE, 1, progress.found).length > 0) break;
      }
    } catch (error) {
      if (!this.stopped) this.fault = asFault(error);
    } finally {
      this.#filling = false;
    }
  }

  /** What was pruned since the search is left out of the answer, from the oldest end; its positions stay. */
  #complete(page: number, { rows, progress }: HistoryPage): (MessageRow | null)[] {
    const missing = Math.min(PAGE, progress.found - page * PAGE) - rows.length;
    return progress.done && missing > 0 ? [...rows, ...new Array<null>(missing).fill(null)] : rows;
  }

  #fulfil(): void {
    if (this.#wanted === undefined) return;
    const row = this.#pages.get(this.#wanted);
    if (row === undefined) return;
    this.#wanted = undefined;
    this.inspected.show(row?.id);
  }

  /** Where messages are missing between the row and the next one below it. */
  gapBelow(index: number): HistoryGap | undefined {
    if (this.gaps.length === 0) return undefined;
    const [row, next] = [this.row(index), this.row(index + 1)];
    if (!row || !next) return undefined;
    return this.gaps.find(({ to }) => to <= row.at && to > next.at);
  }

  async #findGaps(): Promise<void> {
    const run = this.#run;
    try {
      const gaps = await this.#host.historyGaps(this.#query.from, this.#query.to);
      if (run === this.#run) this.gaps = gaps;
    } catch {
      // The list says that the history can't be read.
    }
  }

  /** What the search looks for. */
  get query(): HistoryQuery {
    return this.#query;
  }

  /** What was found over time: over the time that was asked for, as far as it was said. */
  async #measure(): Promise<void> {
    const { progress } = this;
    if (progress === undefined) return;
    const { from, to } = this.#query;
    const until = to ?? (from === null ? null : this.searchedAt);
    try {
      const histogram = await this.#host.historyHistogram(progress.search, from, until, SLOTS);
      if (progress.search === this.progress?.search) this.histogram = histogram ?? undefined;
    } catch {
      // The list itself says that the search is gone.
    }
  }
}
