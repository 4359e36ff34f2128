// The queue of the selected client: the messages that wait for it, which of them are picked, and the one that is looked at.

import { asFault } from "../host/fault";
import type { Fault } from "../host/types/Fault";
import type { QueueRow } from "../host/types/QueueRow";
import type { QueueRows } from "../host/types/QueueRows";
import type { QueueSelection } from "../host/types/QueueSelection";
import { count, plural } from "../lib/format";
import { shorten } from "../lib/shorten";
import type { App } from "./app.svelte";
import { HeldRows } from "./heldrows.svelte";
import { Inspected } from "./inspected.svelte";

/** Picked by name; more than these are purged as a whole. */
const NAMED = 10_000;

export class ClientQueue {
  readonly table: HeldRows<QueueRow, QueueRows>;
  readonly inspected: Inspected<string>;

  client = $state<string | undefined>(undefined);
  picked = $state.raw<ReadonlySet<string>>(new Set());
  purging = $state(false);
  /** Why nothing was purged. */
  fault = $state.raw<Fault | undefined>(undefined);
  /** The selected message is shown in the place of the client. */
  opened = $state(false);

  #app: App;
  /** Where a range begins. */
  #anchor = -1;

  constructor(app: App) {
    this.#app = app;
    this.table = new HeldRows(
      app,
      (row) => row.key,
      (first, count) => app.host.queueRows(this.client ?? "", first, count),
    );
    this.inspected = new Inspected((key: string) => app.host.queuedMessage(this.client ?? "", key));
  }

  /** Another client was selected. */
  follow(client: string | undefined): void {
    if (client === this.client) return;
    this.client = client;
    this.table.clearSelection();
    this.inspected.show(undefined);
    this.unpick();
    this.fault = undefined;
    this.opened = false;
    this.table.feed.reset();
    this.table.act();
  }

  /** Shows a message in the place of the client. */
  open(index: number): void {
    this.table.select(index);
    this.opened = true;
    this.inspected.show(this.table.selected);
  }

  canStep(by: 1 | -1): boolean {
    const to = this.table.index + by;
    return this.table.index >= 0 && to >= 0 && to < this.table.total;
  }

  step(by: 1 | -1): void {
    if (this.canStep(by)) this.open(this.table.index + by);
  }

  /** Escape: the message first, then what is picked. */
  escape(): boolean {
    if (this.opened) this.opened = false;
    else if (this.picked.size > 0) this.unpick();
    else return false;
    return true;
  }

  // Picking

  unpick(): void {
    this.picked = new Set();
    this.#anchor = -1;
  }

  toggle(index: number): void {
    const key = this.table.row(index)?.key;
    if (key === undefined) return;
    this.#anchor = index;
    const picked = new Set(this.picked);
    if (!picked.delete(key)) picked.add(key);
    this.picked = picked;
  }

  /** Takes in all from the last one that was taken to this one. */
  async extend(index: number): Promise<void> {
    const from = this.#anchor >= 0 ? this.#anchor : index;
    this.#anchor = from;
    const length = Math.abs(index - from) + 1;
    if (length > NAMED) {
      this.fault = {
        what: "They were not selected",
        why: `More than ${count(NAMED)} at once cannot be named`,
        action: "Select fewer, or purge all",
      };
      return;
    }
    try {
      const keys = await this.table.keys(Math.min(from, index), length);
      this.picked = new Set([...this.picked, ...keys]);
    } catch (error) {
      this.fault = asFault(error);
    }
  }

  // Purging

  purgeAll(): Promise<void> {
    return this.#purge({ which: "all" }, this.table.total);
  }

  purgePicked(): Promise<void> {
    return this.#purge({ which: "keys", value: [...this.picked] }, this.picked.size);
  }

  purgeOne(key: string): Promise<void> {
    return this.#purge({ which: "keys", value: [key] }, 1);
  }

  async #purge(selection: QueueSelection, n: number): Promise<void> {
    const { client } = this;
    if (client === undefined || n === 0 || this.purging) return;
    this.purging = true;
    this.fault = undefined;
    try {
      const inflight = this.table.feed.data?.inflight ?? 0;
      if (!(await this.#app.dialogs.confirm(question(client, selection, n, inflight)))) return;
      const purged = await this.#app.host.purgeQueue(client, selection);
      this.#app.toasts.say(
        purged === 0 ? "They did not wait any more" : `${plural(purged, "message")} purged for ${shorten(client, 60)}`,
      );
      if (this.client !== client) return;
      this.unpick();
      this.opened = false;
      this.table.clearSelection();
    } catch (error) {
      if (this.client === client) this.fault = asFault(error);
      else this.#app.complain(error);
    } finally {
      this.purging = false;
      this.table.act();
    }
  }
}

/** What is about to be purged, by name and number. */
export function question(client: string, selection: QueueSelection, n: number, inflight: number) {
  const all = selection.which === "all" && n > 1 ? "all " : "";
  const body = [`The client never gets ${n === 1 ? "it" : "them"}. The history keeps what was published.`];
  if (selection.which === "all") body.push("What else comes until then goes, too: the queue is empty after it.");
  if (inflight > 0)
    body.push(`${plural(inflight, "message")} that ${inflight === 1 ? "is" : "are"} on the way already: not affected.`);
  return {
    title: `Purge ${all}${plural(n, "message")} that ${n === 1 ? "waits" : "wait"} for ${shorten(client, 80)}?`,
    body,
    action: `Purge ${count(n)}`,
    danger: true,
  };
}
