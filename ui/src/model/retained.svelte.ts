// The screen Retained: the messages that the broker keeps for whoever subscribes later; which of them are picked, and the one that the
// inspector shows.

import { asFault } from "../host/fault";
import type { Fault } from "../host/types/Fault";
import type { MessageDetail } from "../host/types/MessageDetail";
import type { MessageRow } from "../host/types/MessageRow";
import type { Properties } from "../host/types/Properties";
import type { RetainedRows } from "../host/types/RetainedRows";
import type { RetainedSelection } from "../host/types/RetainedSelection";
import type { RetainedSort } from "../host/types/RetainedSort";
import { count, plural } from "../lib/format";
import { decodeBase64, encodeBase64 } from "../lib/payload";
import { shorten } from "../lib/shorten";
import { timeToSecond } from "../lib/format";
import { ancestors, filterError, hasWildcard } from "../lib/topicfilter";
import type { App } from "./app.svelte";
import { RetainedChangeList } from "./changes.svelte";
import { RetainedCleared } from "./cleared.svelte";
import { HeldRows } from "./heldrows.svelte";
import { Inspected } from "./inspected.svelte";
import { RetainedPast } from "./past.svelte";
import { PayloadDraft } from "./payloaddraft.svelte";

/** "All that match" is more than the window has seen, so it is a filter and not a list. */
export type Picked = { which: "topics"; topics: ReadonlySet<string> } | { which: "all"; filter: string };

/** What is shown: what is retained now, what was at a moment of the past, or what was cleared. */
export type RetainedView = "now" | "past" | "cleared";

const NONE: Picked = { which: "topics", topics: new Set() };
/** More than this are picked by a filter only: to take one out, their names would have to be fetched. */
const NAMED = 20_000;
/** Milliseconds before a clearing in which another one is taken for it. */
const SLACK = 2_000;
/** How often a look at the past is looked at that is not done. */
const PATIENCE = 200;
/** Topics that a question names. */
const LISTED = 5;

export class Retained {
  readonly table: HeldRows<MessageRow, RetainedRows>;
  readonly inspected: Inspected<string>;

  readonly past: RetainedPast;
  readonly cleared: RetainedCleared;
  /** What the selected topic retained over time. */
  readonly changes: RetainedChangeList;

  view = $state<RetainedView>("now");
  tab = $state<"payload" | "properties" | "changes">("payload");
  /** A value of the past is being set again. */
  restoring = $state(false);
  filter = $state("");
  sort = $state<RetainedSort>("topic");
  descending = $state(false);
  picked = $state.raw<Picked>(NONE);
  clearing = $state(false);
  /** Why nothing was cleared. */
  fault = $state.raw<Fault | undefined>(undefined);
  edit = $state.raw<RetainedDraft | undefined>(undefined);
  inspectorWidth = $state(348);

  readonly filterError = $derived(hasWildcard(this.filter) ? (filterError(this.filter) ?? undefined) : undefined);
  /** How many are picked, as far as is known: more may match by the time they are cleared. */
  readonly pickedCount = $derived.by(() => (this.picked.which === "all" ? this.table.total : this.picked.topics.size));

  #app: App;
  /** The last filter that was valid: what the table shows. */
  #applied = "";
  /** Where a range begins. */
  #anchor = -1;
  #seen: string | undefined;

  constructor(app: App) {
    this.#app = app;
    this.table = new HeldRows(
      app,
      (row) => row.topic,
      (first, count) =>
        app.host.retainedRows({
          filter: this.#applied,
          sort: this.sort,
          descending: this.descending,
          first,
          count,
        }),
    );
    this.inspected = new Inspected((topic: string) => app.host.retainedMessage(topic));
    this.past = new RetainedPast(app);
    this.cleared = new RetainedCleared(app);
    this.changes = new RetainedChangeList(app);
  }

  setFilter(filter: string): void {
    this.filter = filter;
    if (this.filterError !== undefined || filter === this.#applied) return;
    this.#applied = filter;
    // What is picked and out of sight would be cleared by surprise.
    this.unpick();
    this.table.act();
  }

  setSort(sort: RetainedSort, descending: boolean): void {
    this.sort = sort;
    this.descending = descending;
    this.#anchor = -1;
    this.table.act();
  }

  /** The topic that the inspector is about. */
  readonly topic = $derived.by(() => this.#tableOf(this.view).selected);

  #tableOf(view: RetainedView) {
    return view === "now" ? this.table : this[view].table;
  }

  /** Shows now, the past or what was cleared. What is selected stays so, where it is there. */
  setView(view: RetainedView, at?: number): void {
    const { topic } = this;
    const before = this.view;
    if (view === "past") void this.past.open(at);
    else if (view === "cleared") void this.cleared.open();
    if (view === before) return;
    this.unpick();
    this.view = view;
    if (before === "past") this.past.close();
    else if (before === "cleared") this.cleared.close();
    if (topic === undefined) return;
    if (view === "past") this.past.choose(topic);
    else if (view === "now") void this.table.find(topic);
  }

  /** Goes to the moment at which a topic got a value. */
  travel(topic: string, at: number): void {
    this.setView("past", at);
    this.tab = "payload";
    this.past.choose(topic);
  }

  /** Another screen sent the user here; answers where the topic is. */
  async open(topic: string): Promise<number> {
    this.setView("now");
    this.setFilter("");
    return this.table.find(topic);
  }

  /** After the selection or its row has changed: shows the message as it is now. */
  follow(topic: string | undefined, row: MessageRow | undefined): void {
    const { data } = this.table.feed;
    const inSight =
      data !== undefined && this.table.index >= data.first && this.table.index < data.first + data.rows.length;
    // A row that is not where it was expected was cleared, which the host then says.
    const seen = row ? `${row.at} ${row.size}` : inSight ? "gone" : undefined;
    // The first row of a topic that was not there when it was asked for is news, too.
    const known = this.#seen !== undefined || (row !== undefined && this.inspected.fault !== undefined);
    if (topic !== this.inspected.key) this.inspected.show(topic);
    else if (topic !== undefined && seen !== undefined && known && seen !== this.#seen) this.inspected.retry();
    this.#seen = seen ?? this.#seen;
    if (topic === undefined) this.#seen = undefined;
  }

  /** Escape: what is picked first, then the selection. */
  escape(): boolean {
    const table = this.#tableOf(this.view);
    if (this.pickedCount > 0) this.unpick();
    else if (table.selected !== undefined) table.clearSelection();
    else if (this.view !== "now") this.setView("now");
    else return false;
    return true;
  }

  // Picking

  isPicked(topic: string): boolean {
    return this.picked.which === "all" || this.picked.topics.has(topic);
  }

  unpick(): void {
    this.picked = NONE;
    this.#anchor = -1;
  }

  pickAll(): void {
    this.picked = this.table.total === 0 ? NONE : { which: "all", filter: this.#applied };
  }

  /** Takes one in or out. */
  async toggle(index: number): Promise<void> {
    const topic = this.table.row(index)?.topic;
    if (topic === undefined) return;
    this.#anchor = index;
    const topics = await this.#named();
    if (topics === undefined) return;
    if (!topics.delete(topic)) topics.add(topic);
    this.picked = { which: "topics", topics };
  }

  /** Takes in all from the last one that was taken to this one. */
  async extend(index: number): Promise<void> {
    const from = this.#anchor >= 0 ? this.#anchor : Math.max(0, this.table.index >= 0 ? this.table.index : index);
    this.#anchor = from;
    const first = Math.min(from, index);
    const topics = await this.#named();
    if (topics === undefined) return;
    try {
      for (const topic of await this.table.keys(first, Math.abs(index - from) + 1)) topics.add(topic);
      this.picked = { which: "topics", topics };
    } catch (error) {
      this.fault = asFault(error);
    }
  }

  /** What is picked, by name. */
  async #named(): Promise<Set<string> | undefined> {
    if (this.picked.which === "topics") return new Set(this.picked.topics);
    if (this.table.total > NAMED) {
      this.fault = {
        what: "One alone cannot be taken out",
        why: `More than ${count(NAMED)} are selected`,
        action: "Narrow the filter, or clear the selection first",
      };
      return undefined;
    }
    try {
      return new Set(await this.table.keys(0, this.table.total));
    } catch (error) {
      this.fault = asFault(error);
      return undefined;
    }
  }

  // Clearing

  clearPicked(): Promise<void> {
    return this.picked.which === "all"
      ? this.#clear({ which: "filter", value: this.picked.filter })
      : this.#clear({ which: "topics", value: [...this.picked.topics] });
  }

  clearOne(topic: string): Promise<void> {
    return this.#clear({ which: "topics", value: [topic] });
  }

  async #clear(selection: RetainedSelection): Promise<void> {
    if (this.clearing || (selection.which === "topics" && selection.value.length === 0)) return;
    this.clearing = true;
    this.fault = undefined;
    try {
      const n = await this.#app.host.countRetained(selection);
      if (n > 0 && !(await this.#app.dialogs.confirm(question(selection, n)))) return;
      const since = Date.now() - SLACK;
      const cleared = n === 0 ? 0 : await this.#app.host.clearRetained(selection);
      if (cleared === 0) this.#app.toasts.say("There was nothing left to clear");
      else
        this.#app.toasts.say(
          `${plural(cleared, "retained message")} cleared`,
          () => void this.#bringBack(selection, since),
        );
      this.#forget(selection);
    } catch (error) {
      this.fault = asFault(error);
    } finally {
      this.clearing = false;
      this.table.act();
    }
  }

  #forget(selection: RetainedSelection): void {
    const { selected } = this.table;
    if (selected !== undefined && (selection.which === "filter" || selection.value.includes(selected))) {
      this.table.clearSelection();
    }
    if (selection.which === "topics" && this.picked.which === "topics") {
      const topics = new Set(this.picked.topics);
      for (const topic of selection.value) topics.delete(topic);
      this.picked = { which: "topics", topics };
    } else {
      this.unpick();
    }
  }

  // Bringing back

  /** Takes a clearing back: what has got another value since keeps that. */
  async #bringBack(selection: RetainedSelection, since: number): Promise<void> {
    const { host } = this.#app;
    try {
      let { past, done } = await host.pastOpen(null);
      while (!done) {
        await new Promise((resolve) => setTimeout(resolve, PATIENCE));
        ({ done } = (await host.clearedRows(past, { filter: "", first: 0, count: 0 })).progress);
      }
      const back = await host.restoreCleared(past, selection, since);
      void host.pastClose(past).catch(() => undefined);
      this.#app.toasts.say(`${plural(back, "retained message")} brought back`);
    } catch (error) {
      this.#app.complain(error);
    } finally {
      this.table.act();
    }
  }

  /** Publishes a value of the past again, to be retained; asks where it would take the place of another one. */
  async setAgain(old: MessageRow): Promise<void> {
    if (this.restoring) return;
    this.restoring = true;
    try {
      let over: number | null = null;
      for (;;) {
        const now = await this.#app.host.restoreRetained(old.id, over);
        if (now === null) break;
        if (!(await this.#app.dialogs.confirm(replacing(old, now, this.#app.now)))) return;
        over = now.at;
      }
      const undo = () => void this.#app.host.clearRetained({ which: "topics", value: [old.topic] });
      this.#app.toasts.say(`${shorten(old.topic, 60)} set again`, over === null ? undo : undefined);
    } catch (error) {
      this.#app.complain(error);
    } finally {
      this.restoring = false;
      this.table.act();
      if (this.view === "cleared") void this.cleared.open();
      if (this.view === "past") this.past.table.act();
      if (this.changes.topic === old.topic) void this.changes.open(old.topic);
    }
  }

  // Editing

  startEdit(detail: MessageDetail): void {
    this.edit = new RetainedDraft(detail);
  }

  async save(): Promise<void> {
    const { edit } = this;
    if (!edit || edit.saving || edit.error !== undefined || !edit.payload.bytes) return;
    edit.saving = true;
    edit.fault = undefined;
    try {
      await this.#app.host.setRetained(edit.message(edit.payload.bytes));
      this.#app.toasts.say(`${shorten(edit.topic, 60)} published`);
      this.edit = undefined;
      this.table.act();
    } catch (error) {
      edit.fault = asFault(error);
    } finally {
      edit.saving = false;
    }
  }
}

/** A retained message while it is being changed. */
export class RetainedDraft {
  readonly topic: string;
  readonly payload = new PayloadDraft();
  readonly properties: Properties;
  qos = $state(0);
  saving = $state(false);
  fault = $state.raw<Fault | undefined>(undefined);

  readonly error = $derived.by(() => {
    if (this.payload.error !== undefined) return this.payload.error;
    return this.payload.bytes?.length === 0
      ? "An empty payload would clear the message: use Clear for that."
      : undefined;
  });

  constructor({ row, payload, properties }: MessageDetail) {
    this.topic = row.topic;
    this.qos = row.qos;
    this.properties = properties;
    this.payload.set(decodeBase64(payload.base64), row.topic);
  }

  message(bytes: Uint8Array) {
    const { topic, qos, properties } = this;
    // A payload that stopped being text must not say that it is.
    const payload_is_text = this.payload.isUtf8 ? properties.payload_is_text : null;
    return { topic, qos, payload: encodeBase64(bytes), properties: { ...properties, payload_is_text } };
  }
}

/** What a value of the past is about to replace. */
function replacing(old: MessageRow, now: MessageRow, at: number) {
  return {
    title: `Replace the value of ${shorten(old.topic, 100)}?`,
    body: [
      `It retains ${shorten(now.preview, 80)}, published by ${shorten(now.publisher, 60)} at ${timeToSecond(now.at, at)}.`,
      `Who subscribes gets ${shorten(old.preview, 80)} of ${timeToSecond(old.at, at)} instead, from this window.`,
    ],
    action: "Replace it",
    danger: true,
  };
}

/** What is about to be cleared, by name and number. */
export function question(selection: RetainedSelection, n: number) {
  return {
    title: `Clear ${nameOf(selection, n)}?`,
    body: [...listed(selection), "Whoever subscribes later no longer gets them. The history keeps what was sent."],
    action: `Clear ${count(n)}`,
    danger: true,
  };
}

function nameOf(selection: RetainedSelection, n: number): string {
  const messages = plural(n, "retained message");
  if (selection.which === "filter") {
    const filter = selection.value;
    if (filter === "" || filter === "#") return n === 1 ? `the only retained message` : `all ${messages}`;
    const level = /^([^+#]+)\/#$/.exec(filter)?.[1];
    if (level !== undefined) return `${messages} under ${shorten(level, 120)}`;
    return hasWildcard(filter)
      ? `${messages} that ${n === 1 ? "matches" : "match"} ${shorten(filter, 120)}`
      : `${messages} with “${shorten(filter, 120)}” in the topic`;
  }
  const [only] = selection.value;
  if (selection.value.length === 1 && only !== undefined) return `the retained message of ${shorten(only, 120)}`;
  const level = commonLevel(selection.value);
  return level === undefined || level === "" ? messages : `${messages} under ${shorten(level, 120)}`;
}

function listed(selection: RetainedSelection): string[] {
  if (selection.which === "filter" || selection.value.length < 2) return [];
  const names = selection.value.slice(0, LISTED).map((topic) => shorten(topic, 60));
  const more = selection.value.length - names.length;
  return [`${names.join(", ")}${more > 0 ? ` and ${count(more)} more` : ""}.`];
}

/** The deepest level that all topics are below of. */
export function commonLevel(topics: readonly string[]): string | undefined {
  const [first, ...rest] = topics;
  if (first === undefined) return undefined;
  return ancestors(first).findLast((level) => rest.every((topic) => topic.startsWith(`${level}/`)));
}
