// What the history keeps for how long, while it is being changed: the rules in their order, what is wrong with them, and what
// they would delete.

import { asFault } from "../host/fault";
import { Feed } from "../host/feed.svelte";
import type { Fault } from "../host/types/Fault";
import type { Keeping } from "../host/types/Keeping";
import type { KeepingBounds } from "../host/types/KeepingBounds";
import type { KeepingForecast } from "../host/types/KeepingForecast";
import type { KeepingRules } from "../host/types/KeepingRules";
import { parseAge, parseCount, parseSize, writeAge, writeCount, writeSize } from "../lib/quantity";
import { filterError } from "../lib/topicfilter";
import type { App } from "./app.svelte";

/** How often size and deleting are looked at. */
const PERIOD = 500;
/** After the last key of a field that is being typed. */
const TYPING = 300;

const NO_BOUNDS: KeepingBounds = { nothing: false, age: null, messages: null, bytes: null };

let made = 0;

/** A rule as it is typed; without a filter, for the topics that no rule matches. */
export class RuleDraft {
  /** Tells it from others when they change places. */
  readonly key = (made += 1);
  filter = $state("");
  nothing = $state(false);
  age = $state("");
  messages = $state("");
  bytes = $state("");

  readonly ageError = $derived(this.nothing ? undefined : parseAge(this.age).error);
  readonly messagesError = $derived(this.nothing ? undefined : parseCount(this.messages).error);
  readonly bytesError = $derived(this.nothing ? undefined : parseSize(this.bytes).error);
  readonly filterError = $derived.by(() => {
    if (!this.hasFilter) return undefined;
    const shared = this.filter.startsWith("$share/");
    return shared ? "A rule is for topics: leave $share and the group out." : (filterError(this.filter) ?? undefined);
  });
  readonly valid = $derived(
    [this.filterError, this.ageError, this.messagesError, this.bytesError].every((error) => error === undefined),
  );
  readonly bounds: KeepingBounds = $derived(
    this.nothing
      ? { ...NO_BOUNDS, nothing: true }
      : {
          nothing: false,
          age: parseAge(this.age).value ?? null,
          messages: parseCount(this.messages).value ?? null,
          bytes: parseSize(this.bytes).value ?? null,
        },
  );

  /** Whether it is a rule, and not what is left for topics without one. */
  readonly hasFilter: boolean;

  constructor({ nothing, age, messages, bytes }: KeepingBounds, filter: string, hasFilter = true) {
    this.hasFilter = hasFilter;
    this.filter = filter;
    this.nothing = nothing;
    this.age = writeAge(age);
    this.messages = writeCount(messages);
    this.bytes = writeSize(bytes);
  }
}

export class KeepingDraft {
  readonly feed: Feed<Keeping>;

  rules = $state.raw<readonly RuleDraft[]>([]);
  otherwise = $state.raw<RuleDraft | undefined>(undefined);
  file = $state("");
  events = $state("");
  saving = $state(false);
  fault = $state.raw<Fault | undefined>(undefined);
  forecast = $state.raw<KeepingForecast | undefined>(undefined);
  /** What the forecast is about. */
  #foreseen = $state<string | undefined>(undefined);
  /** The rules that hold, as this draft writes them. */
  #saved = $state("");

  readonly fileError = $derived(parseSize(this.file).error);
  readonly eventsError = $derived(parseAge(this.events).error);
  readonly valid = $derived(
    this.otherwise !== undefined &&
      [this.fileError, this.eventsError].every((error) => error === undefined) &&
      [...this.rules, this.otherwise].every((rule) => rule.valid),
  );
  readonly unnamed = $derived(this.rules.some(({ filter }) => filter === ""));
  readonly wanted: KeepingRules = $derived({
    rules: this.rules.map(({ filter, bounds }) => ({ filter, keep: bounds })),
    otherwise: this.otherwise?.bounds ?? NO_BOUNDS,
    file: parseSize(this.file).value ?? null,
    events: parseAge(this.events).value ?? null,
  });
  readonly #written = $derived(JSON.stringify(this.wanted));
  readonly changed = $derived(this.otherwise !== undefined && this.#written !== this.#saved);
  /** The forecast is about what is typed, and not about what was. */
  readonly foreseen = $derived(this.#foreseen === this.#written);
  /** Messages that saving would delete, about; undefined while that is not known. */
  readonly lost = $derived(
    this.foreseen && this.forecast
      ? this.forecast.rules.reduce((sum, { lost }) => sum + lost, 0) + this.forecast.beyond_file
      : undefined,
  );
  /** More may go than that. */
  readonly maybeMore = $derived(this.foreseen && (this.forecast?.rules.some(({ maybe_more }) => maybe_more) ?? false));
  readonly canSave = $derived(this.changed && this.valid && this.foreseen && !this.saving);

  #app: App;
  #typing: ReturnType<typeof setTimeout> | undefined;
  #run = 0;

  constructor(app: App) {
    this.#app = app;
    // A view that is paused stands still; a dialog does not.
    this.feed = new Feed({ paused: false }, () => this.#look(), PERIOD);
  }

  async #look(): Promise<Keeping> {
    const state = await this.#app.host.keeping();
    if (this.otherwise === undefined) this.#take(state);
    return state;
  }

  #take({ rules: { rules, otherwise, file, events } }: Keeping): void {
    this.rules = rules.map(({ filter, keep }) => new RuleDraft(keep, filter));
    this.otherwise = new RuleDraft(otherwise, "", false);
    this.file = writeSize(file);
    this.events = writeAge(events);
    this.#saved = this.#written;
    void this.foresee();
  }

  // Rules

  /** Adds one above the others, for it is they that would have its topics; answers its place. */
  add(filter = ""): number {
    this.rules = [new RuleDraft(NO_BOUNDS, filter), ...this.rules];
    return 0;
  }

  remove(index: number): void {
    this.rules = this.rules.filter((_, i) => i !== index);
  }

  canMove(index: number, by: 1 | -1): boolean {
    return index + by >= 0 && index + by < this.rules.length;
  }

  move(index: number, by: 1 | -1): void {
    if (!this.canMove(index, by)) return;
    const moved = [...this.rules];
    moved.splice(index + by, 0, ...moved.splice(index, 1));
    this.rules = moved;
  }

  // What they would do

  /** Something was changed: asks what it would delete when the typing pauses. */
  typed(): void {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => void this.foresee(), TYPING);
  }

  async foresee(): Promise<void> {
    clearTimeout(this.#typing);
    if (!this.valid || this.foreseen) return;
    const run = (this.#run += 1);
    const about = this.#written;
    let forecast: KeepingForecast | undefined;
    try {
      forecast = await this.#app.host.keepingForecast(this.wanted);
    } catch {
      // Then it is not known; the rules can be saved all the same, and saving says what is wrong with them.
    }
    if (run !== this.#run) return;
    this.forecast = forecast;
    this.#foreseen = about;
  }

  /** Whether the rules hold now. */
  async save(): Promise<boolean> {
    if (!this.canSave) return false;
    this.saving = true;
    this.fault = undefined;
    try {
      this.feed.data = await this.#app.host.setKeeping(this.wanted);
      this.#app.toasts.say("The history keeps to the new rules");
      return true;
    } catch (error) {
      this.fault = asFault(error);
      return false;
    } finally {
      this.saving = false;
    }
  }
}
