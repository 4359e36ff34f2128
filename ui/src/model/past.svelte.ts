// Retained, at a moment of the past: what topics retained then beside what they retain now; and the way from change to change.

import { asFault } from "../host/fault";
import type { Fault } from "../host/types/Fault";
import type { HistoryHistogram } from "../host/types/HistoryHistogram";
import type { HistoryQuery } from "../host/types/HistoryQuery";
import type { PastProgress } from "../host/types/PastProgress";
import type { PastRow } from "../host/types/PastRow";
import type { PastRows } from "../host/types/PastRows";
import type { PastSort } from "../host/types/PastSort";
import { filterError, hasWildcard } from "../lib/topicfilter";
import { parseWhen, WHEN_EXAMPLES, writeWhen } from "../lib/when";
import type { App } from "./app.svelte";
import { HeldRows } from "./heldrows.svelte";
import { Inspected } from "./inspected.svelte";

const SLOTS = 120;
/** After the last key of a field that is being typed. */
const TYPING = 350;
/** How often a search is looked at that is not done. */
const PATIENCE = 200;
/** Where the past begins that is looked at first. */
const HOUR = 3_600_000;

const NOTHING: Omit<PastRows, "progress"> = { total: 0, same: 0, changed: 0, gone: 0, new: 0, first: 0, rows: [] };

type Answer = Omit<PastRows, "progress">;

export class RetainedPast {
  readonly table: HeldRows<PastRow, Answer>;
  readonly inspected: Inspected<number>;

  /** The moment, in milliseconds since 1970. */
  at = $state(0);
  /** The same as it is typed. */
  text = $state("");
  textError = $state<string | undefined>(undefined);
  filter = $state("");
  different = $state(false);
  sort = $state<PastSort>("topic");
  descending = $state(false);
  progress = $state.raw<PastProgress | undefined>(undefined);
  fault = $state.raw<Fault | undefined>(undefined);
  /** When what is retained changed. */
  histogram = $state.raw<HistoryHistogram | undefined>(undefined);
  /** What was in sight before a part of it was chosen, the last one last. */
  wider = $state.raw<readonly HistoryHistogram[]>([]);
  stepping = $state(false);
  /** Where the selected topic is in the list that has just come. */
  revealed = $state.raw<{ index: number } | undefined>(undefined);
  /** The selected topic is not in it: it retained nothing. */
  missing = $state(false);

  readonly filterError = $derived(hasWildcard(this.filter) ? (filterError(this.filter) ?? undefined) : undefined);
  /** What is selected; the row stays known while it is out of sight. */
  chosen = $state.raw<PastRow | undefined>(undefined);

  #app: App;
  #applied = "";
  #run = 0;
  /** The search for every change. */
  #changes: number | undefined;
  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor(app: App) {
    this.#app = app;
    this.table = new HeldRows(
      app,
      (row) => row.topic,
      async (first, count) => {
        const { progress } = this;
        if (progress === undefined) return NOTHING;
        const { different, sort, descending } = this;
        const query = { filter: this.#applied, different, sort, descending, first, count };
        const answer = await app.host.pastRows(progress.past, query);
        if (answer.progress.past === this.progress?.past) this.progress = answer.progress;
        return answer;
      },
    );
    this.inspected = new Inspected((id: number) => app.host.message(id));
  }

  get isOpen(): boolean {
    return this.at > 0;
  }

  /** Goes to a moment; without one, to where it was left, or an hour ago. */
  async open(at?: number): Promise<void> {
    if (at === undefined && this.isOpen && this.progress !== undefined) return;
    const moment = at ?? (this.isOpen ? this.at : this.#app.now - HOUR);
    this.at = moment;
    this.text = writeWhen(moment);
    this.textError = undefined;
    const run = (this.#run += 1);
    try {
      const progress = await this.#app.host.pastOpen(moment);
      if (run !== this.#run) {
        void this.#app.host.pastClose(progress.past).catch(() => undefined);
        return;
      }
      this.#closeLook();
      this.progress = progress;
      this.fault = undefined;
      void this.#settle(run, progress.past).catch((error: unknown) => this.#failed(run, error));
      if (this.histogram === undefined) void this.#measure();
    } catch (error) {
      this.#failed(run, error);
    }
  }

  #failed(run: number, error: unknown): void {
    if (run === this.#run) this.fault = asFault(error);
  }

  /** Once the moment is there: finds the selected topic in it again. */
  async #settle(run: number, past: number): Promise<void> {
    this.table.act();
    this.missing = false;
    const look = { filter: "", different: false, sort: this.sort, descending: false, first: 0, count: 0 };
    while (run === this.#run && !(await this.#app.host.pastRows(past, look)).progress.done)
      await new Promise((resolve) => setTimeout(resolve, PATIENCE));
    const { selected } = this.table;
    if (run !== this.#run || selected === undefined) return;
    const index = await this.table.find(selected);
    if (run !== this.#run || selected !== this.table.selected) return;
    if (index >= 0) this.revealed = { index };
    else {
      this.missing = true;
      this.chosen = undefined;
      this.inspected.show(undefined);
    }
  }

  /** Selects a topic, and finds it once the moment is there. */
  choose(topic: string): void {
    this.table.selected = topic;
    const run = this.#run;
    if (this.progress !== undefined)
      void this.#settle(run, this.progress.past).catch((error: unknown) => this.#failed(run, error));
  }

  /** Back to now: nothing of the past goes on. */
  close(): void {
    this.#run += 1;
    clearTimeout(this.#typing);
    this.#closeLook();
    if (this.#changes !== undefined) void this.#app.host.historyClose(this.#changes).catch(() => undefined);
    this.#changes = undefined;
    this.histogram = undefined;
    this.wider = [];
    this.fault = undefined;
    this.table.clearSelection();
    this.chosen = undefined;
    this.inspected.show(undefined);
    this.table.feed.reset();
  }

  #closeLook(): void {
    if (this.progress !== undefined) void this.#app.host.pastClose(this.progress.past).catch(() => undefined);
    this.progress = undefined;
  }

  /** The moment is being typed: go there when the typing pauses. */
  typed(): void {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.enter(), TYPING);
  }

  enter(): void {
    clearTimeout(this.#typing);
    const at = parseWhen(this.text, this.#app.now);
    if (at === null) this.textError = `Write it like ${WHEN_EXAMPLES}`;
    else if (at > this.#app.now) this.textError = "That is not past yet";
    else if (writeWhen(at) !== writeWhen(this.at)) {
      const { text } = this;
      void this.open(at);
      // What is being typed stays as it is typed.
      this.text = text;
    } else this.textError = undefined;
  }

  setFilter(filter: string): void {
    this.filter = filter;
    if (this.filterError !== undefined || filter === this.#applied) return;
    this.#applied = filter;
    this.table.act();
  }

  setDifferent(different: boolean): void {
    this.different = different;
    this.table.act();
  }

  setSort(sort: PastSort, descending: boolean): void {
    this.sort = sort;
    this.descending = descending;
    this.table.act();
  }

  /** After the selection or its row has changed: shows the message as it was then. */
  follow(topic: string | undefined, row: PastRow | undefined): void {
    if (row !== undefined) [this.chosen, this.missing] = [row, false];
    else if (topic !== this.chosen?.topic) this.chosen = undefined;
    this.inspected.show(this.chosen?.then?.id);
  }

  // From change to change

  /** Goes to the last change before the moment or the first one after it: of the selected topic, or else of any. */
  async step(by: 1 | -1): Promise<boolean> {
    if (this.stepping) return false;
    this.stepping = true;
    const topic = this.table.selected;
    let search: number | undefined;
    try {
      const opened = await this.#app.host.historyOpen(changesOf(topic ?? ""));
      search = opened.search;
      const found = await this.#whole(search);
      // The newest come first.
      let [low, high] = [0, found];
      while (low < high) {
        const middle = (low + high) >> 1;
        const at = await this.#timeOf(search, middle);
        const isPassed = by === -1 ? at < this.at : at <= this.at;
        if (isPassed) high = middle;
        else low = middle + 1;
      }
      const position = by === -1 ? low : low - 1;
      if (position < 0 || position >= found) return false;
      await this.open(await this.#timeOf(search, position));
      return true;
    } catch (error) {
      this.fault = asFault(error);
      return false;
    } finally {
      this.stepping = false;
      if (search !== undefined) void this.#app.host.historyClose(search).catch(() => undefined);
    }
  }

  async #timeOf(search: number, position: number): Promise<number> {
    // What the history has let go of since was older than all that it has.
    return (await this.#app.host.historyPage(search, position, 1)).rows[0]?.at ?? -Infinity;
  }

  /** Waits until a search has found all; answers how many. */
  async #whole(search: number): Promise<number> {
    for (;;) {
      const { progress } = await this.#app.host.historyPage(search, 0, 0);
      if (progress.done) return progress.found;
      await new Promise((resolve) => setTimeout(resolve, PATIENCE));
    }
  }

  // The timeline

  async #measure(): Promise<void> {
    const run = this.#run;
    try {
      if (this.#changes === undefined) {
        const { search } = await this.#app.host.historyOpen(changesOf(""));
        this.#changes = search;
        await this.#whole(search);
      }
      const changes = this.#changes;
      if (changes === undefined) return;
      await this.#show(changes, null, this.#app.now);
    } catch {
      // Without a timeline there is still the field.
      if (run === this.#run) this.histogram = undefined;
    }
  }

  async #show(changes: number, from: number | null, to: number): Promise<boolean> {
    const histogram = await this.#app.host.historyHistogram(changes, from, to, SLOTS);
    if (changes !== this.#changes || histogram === null) return false;
    this.histogram = histogram;
    return true;
  }

  /** Looks at a part of the timeline. */
  async zoom(from: number, to: number): Promise<void> {
    const { histogram } = this;
    if (histogram === undefined || this.#changes === undefined) return;
    try {
      if (await this.#show(this.#changes, from, to)) this.wider = [...this.wider, histogram];
    } catch (error) {
      this.fault = asFault(error);
    }
  }

  /** To what was in sight before the last part was chosen. */
  widen(): void {
    this.histogram = this.wider.at(-1) ?? this.histogram;
    this.wider = this.wider.slice(0, -1);
  }
}

/** Every change of what topics retain, the newest first. */
function changesOf(filter: string): HistoryQuery {
  return { filter, client: "", text: "", json: "", from: null, to: null, qos: null, retain: true };
}
