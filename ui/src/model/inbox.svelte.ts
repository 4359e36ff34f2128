// What the window's own subscriptions received, the newest first.
//
// While something holds the list (a message is selected, the pointer is over it, it is scrolled, or the user paused it), what arrives
// waits, and is counted.

import type { MessageDetail } from "../host/types/MessageDetail";
import type { PublisherView } from "../host/types/PublisherView";
import type { ReceivedMessage } from "../host/types/ReceivedMessage";
import { decodeBase64, decodeText } from "../lib/payload";
import type { Payload } from "../host/types/Payload";

/** How many of the newest messages the window keeps. */
export const KEPT = 1000;

export type InboxHold = "selected" | "scrolled" | "hovered" | "off";

export class Inbox {
  rows = $state.raw<readonly ReceivedMessage[]>([]);
  /** Messages that came while the list was held. */
  waiting = $state(0);
  live = $state(true);
  selected = $state<number | undefined>(undefined);
  hovered = $state(false);
  scrolled = $state(false);
  /** Messages that came faster than the window asked for them, and are not listed. */
  missed = $state(0);

  readonly hold = $derived<InboxHold | undefined>(
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
  readonly index = $derived(
    this.selected === undefined ? -1 : this.rows.findIndex(({ row }) => row.id === this.selected),
  );
  /** The message for the inspector: the selected one, or the newest. */
  readonly shown = $derived(this.selected === undefined ? this.rows[0] : this.rows[this.index]);
  readonly detail = $derived.by<MessageDetail | undefined>(() => {
    const { shown } = this;
    if (!shown) return undefined;
    const at = this.rows.indexOf(shown);
    const before = this.rows.slice(at + 1).find(({ row }) => row.topic === shown.row.topic);
    const previous = before && payloadOf(before);
    return {
      row: shown.row,
      payload: payloadOf(shown),
      previous: previous && !previous.truncated ? previous : null,
      properties: shown.properties,
      matched: null,
      publisher_version: null,
    };
  });

  #newest = 0;
  #arrived: ReceivedMessage[] = [];

  /** The id after which the host is asked for more. */
  get newest(): number {
    return this.#newest;
  }

  take(view: PublisherView): void {
    const fresh = view.inbox.filter(({ row }) => row.id > this.#newest);
    const oldest = fresh.at(-1);
    if (fresh[0] === undefined || oldest === undefined) {
      this.settle();
      return;
    }
    // The first look may come late: what came before it was not missed, it was before the user looked.
    if (this.#newest > 0) this.missed += oldest.row.id - this.#newest - 1;
    this.#newest = fresh[0].row.id;
    this.#arrived = [...fresh, ...this.#arrived].slice(0, KEPT);
    this.waiting += fresh.length;
    this.settle();
  }

  select(index: number): void {
    const chosen = this.rows[index];
    if (chosen) this.selected = chosen.row.id;
  }

  /** From the message that the inspector shows, `by` rows down the list. */
  step(by: 1 | -1): void {
    if (this.canStep(by)) this.select(this.#at + by);
  }

  canStep(by: 1 | -1): boolean {
    return this.rows[this.#at + by] !== undefined;
  }

  get #at(): number {
    return this.selected === undefined ? 0 : this.index;
  }

  deselect(): boolean {
    if (this.selected === undefined) return false;
    this.selected = undefined;
    this.settle();
    return true;
  }

  setLive(live: boolean): void {
    this.live = live;
    this.settle();
  }

  /** Shows everything that waits, and lets the list run again. */
  catchUp(): void {
    this.live = true;
    this.selected = undefined;
    this.scrolled = false;
    this.#merge();
  }

  clear(): void {
    this.rows = [];
    this.#arrived = [];
    this.waiting = 0;
    this.missed = 0;
    this.selected = undefined;
    this.scrolled = false;
  }

  /** After what holds has changed: what waited comes in where nothing holds any more. */
  settle(): void {
    if (this.hold === undefined) this.#merge();
  }

  #merge(): void {
    if (this.#arrived.length === 0) return;
    this.rows = [...this.#arrived, ...this.rows].slice(0, KEPT);
    this.#arrived = [];
    this.waiting = 0;
  }
}

// One object per message, so that its decoded forms are made once.
const payloads = new WeakMap<ReceivedMessage, Payload>();

function payloadOf(message: ReceivedMessage): Payload {
  let payload = payloads.get(message);
  if (!payload) {
    const bytes = decodeBase64(message.payload);
    const truncated = bytes.length < message.row.size;
    payload = { text: decodeText(bytes), base64: message.payload, size: message.row.size, truncated };
    payloads.set(message, payload);
  }
  return payload;
}
