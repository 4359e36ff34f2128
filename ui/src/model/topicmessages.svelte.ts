// The newest messages of one topic, and the one that is looked at.
//
// While something holds the list (a message is selected, the pointer is over it, it is scrolled, or the user switched Live off), what
// arrives waits, and is counted.

import { Feed, type Pausing } from "../host/feed.svelte";
import type { Host } from "../host/host";
import type { MessageDetail } from "../host/types/MessageDetail";
import type { MessageRow } from "../host/types/MessageRow";
import type { TopicMessages as Answer } from "../host/types/TopicMessages";
import { Inspected } from "./inspected.svelte";

/** How many of the newest messages the window keeps. */
export const KEPT = 500;

export type Hold = "selected" | "hovered" | "scrolled" | "off";

export class TopicMessages {
  readonly feed: Feed<Answer>;
  readonly inspected: Inspected<number>;

  topic = $state<string | undefined>(undefined);
  rows = $state.raw<readonly MessageRow[]>([]);
  /** Messages that came while the list was held. */
  waiting = $state(0);
  live = $state(true);
  publisher = $state("");
  text = $state("");
  /** The selected message; without one, the inspector follows the newest. */
  selected = $state<number | undefined>(undefined);
  hovered = $state(false);
  scrolled = $state(false);

  readonly hold = $derived<Hold | undefined>(
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
  readonly shown = $derived.by<readonly MessageRow[]>(() => {
    const { publisher } = this;
    const text = this.text.toLowerCase();
    if (publisher === "" && text === "") return this.rows;
    return this.rows.filter(
      (row) =>
        (publisher === "" || row.publisher === publisher) && (text === "" || row.preview.toLowerCase().includes(text)),
    );
  });
  /** The clients that published what is here, the busiest first. */
  readonly publishers = $derived.by(() => {
    const counts = new Map<string, number>();
    for (const row of this.rows) counts.set(row.publisher, (counts.get(row.publisher) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]);
  });
  readonly index = $derived(this.selected === undefined ? -1 : this.shown.findIndex((row) => row.id === this.selected));

  #host: Host;
  #newest: number | null = null;
  #arrived: MessageRow[] = [];

  constructor(host: Host, pausing: Pausing) {
    this.#host = host;
    this.feed = new Feed(pausing, () => this.#ask());
    this.inspected = new Inspected((id: number): Promise<MessageDetail> => host.message(id));
  }

  setTopic(topic: string | undefined): void {
    if (topic === this.topic) return;
    this.topic = topic;
    this.rows = [];
    this.#arrived = [];
    this.#newest = null;
    this.waiting = 0;
    this.selected = undefined;
    this.publisher = "";
    this.text = "";
    this.scrolled = false;
    this.inspected.show(undefined);
    this.feed.reset();
  }

  row = (index: number): MessageRow | undefined => this.shown[index];

  select(index: number): void {
    const row = this.shown[index];
    if (!row) return;
    this.selected = row.id;
    this.inspected.show(row.id);
  }

  /** Back to following the newest. */
  deselect(): void {
    this.selected = undefined;
    this.settle();
  }

  /** From the message that the inspector shows, `by` rows down the list. */
  step(by: 1 | -1): void {
    const from = this.shown.findIndex((row) => row.id === (this.selected ?? this.inspected.key));
    if (from === -1 && this.shown.length > 0) this.select(0);
    else if (from + by >= 0 && from + by < this.shown.length) this.select(from + by);
  }

  canStep(by: 1 | -1): boolean {
    const from = this.shown.findIndex((row) => row.id === (this.selected ?? this.inspected.key));
    return from === -1 ? this.shown.length > 0 : from + by >= 0 && from + by < this.shown.length;
  }

  setLive(live: boolean): void {
    this.live = live;
    this.settle();
  }

  /** Shows everything that waits, and lets the list run again. */
  catchUp(): void {
    this.live = true;
    this.selected = undefined;
    this.#merge();
    this.#followNewest();
  }

  /** After what holds has changed: what waited comes in where nothing holds any more. */
  settle(): void {
    if (this.hold !== undefined) return;
    this.#merge();
    this.#followNewest();
  }

  async #ask(): Promise<Answer> {
    const topic = this.topic ?? "";
    const answer = await this.#host.topicMessages({ topic, after: this.#newest, limit: KEPT });
    if (topic !== this.topic) return answer;
    const known = this.#newest ?? 0;
    const fresh = answer.rows.filter((row) => row.id > known);
    if (this.#newest === null) {
      // The first answer is what there is, not news.
      this.rows = fresh;
      this.#newest = fresh[0]?.id ?? null;
      this.#followNewest();
      return answer;
    }
    if (fresh.length > 0) {
      this.#newest = fresh[0]!.id;
      // Where too many came between two answers, `fresh` alone fills the list: nothing from before the gap stays beside it.
      this.#arrived = [...fresh, ...this.#arrived].slice(0, KEPT);
      this.waiting += fresh.length + answer.skipped;
    }
    this.settle();
    return answer;
  }

  #merge(): void {
    if (this.waiting > 0) {
      this.rows = [...this.#arrived, ...this.rows].slice(0, KEPT);
    }
    this.#arrived = [];
    this.waiting = 0;
  }

  #followNewest(): void {
    if (this.selected === undefined) this.inspected.show(this.shown[0]?.id);
  }
}
