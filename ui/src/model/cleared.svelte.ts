// Retained, what was cleared: the last value of each topic that retains nothing now, and the way back.

import { asFault } from "../host/fault";
import type { ClearedRow } from "../host/types/ClearedRow";
import type { ClearedRows } from "../host/types/ClearedRows";
import type { Fault } from "../host/types/Fault";
import type { PastProgress } from "../host/types/PastProgress";
import { count, plural } from "../lib/format";
import { shorten } from "../lib/shorten";
import { filterError, hasWildcard } from "../lib/topicfilter";
import type { App } from "./app.svelte";
import { HeldRows } from "./heldrows.svelte";
import { Inspected } from "./inspected.svelte";

type Answer = Omit<ClearedRows, "progress">;

const NOTHING: Answer = { total: 0, first: 0, rows: [] };

export class RetainedCleared {
  readonly table: HeldRows<ClearedRow, Answer>;
  readonly inspected: Inspected<number>;

  filter = $state("");
  progress = $state.raw<PastProgress | undefined>(undefined);
  fault = $state.raw<Fault | undefined>(undefined);
  restoring = $state(false);
  chosen = $state.raw<ClearedRow | undefined>(undefined);

  readonly filterError = $derived(hasWildcard(this.filter) ? (filterError(this.filter) ?? undefined) : undefined);

  #app: App;
  #applied = "";
  #run = 0;

  constructor(app: App) {
    this.#app = app;
    this.table = new HeldRows(
      app,
      ({ row }) => row.topic,
      async (first, count) => {
        const { progress } = this;
        if (progress === undefined) return NOTHING;
        const answer = await app.host.clearedRows(progress.past, { filter: this.#applied, first, count });
        if (answer.progress.past === this.progress?.past) this.progress = answer.progress;
        return answer;
      },
    );
    this.inspected = new Inspected((id: number) => app.host.message(id));
  }

  /** Looks anew. */
  async open(): Promise<void> {
    const run = (this.#run += 1);
    try {
      const progress = await this.#app.host.pastOpen(null);
      if (run !== this.#run) {
        void this.#app.host.pastClose(progress.past).catch(() => undefined);
        return;
      }
      this.#closeLook();
      this.progress = progress;
      this.fault = undefined;
      this.table.act();
    } catch (error) {
      if (run === this.#run) this.fault = asFault(error);
    }
  }

  close(): void {
    this.#run += 1;
    this.#closeLook();
    this.table.clearSelection();
    this.chosen = undefined;
    this.inspected.show(undefined);
    this.table.feed.reset();
  }

  #closeLook(): void {
    if (this.progress !== undefined) void this.#app.host.pastClose(this.progress.past).catch(() => undefined);
    this.progress = undefined;
  }

  setFilter(filter: string): void {
    this.filter = filter;
    if (this.filterError !== undefined || filter === this.#applied) return;
    this.#applied = filter;
    this.table.act();
  }

  follow(topic: string | undefined, row: ClearedRow | undefined): void {
    if (row !== undefined) this.chosen = row;
    else if (topic !== this.chosen?.row.topic) this.chosen = undefined;
    this.inspected.show(this.chosen?.row.id);
  }

  /** Brings back all that the filter shows. */
  async restoreAll(): Promise<void> {
    const { progress, table } = this;
    const filter = this.#applied;
    if (progress === undefined || !progress.done || table.total === 0 || this.restoring) return;
    const which = filter === "" ? "" : ` that match ${shorten(filter, 80)}`;
    const yes = await this.#app.dialogs.confirm({
      title: `Bring back ${plural(table.total, "retained message")}${which}?`,
      body: [
        "Each topic gets the last value that it retained, published by this window: who subscribes gets it now.",
        "Topics that have another value by now keep it.",
      ],
      action: `Bring back ${count(table.total)}`,
    });
    if (!yes) return;
    this.restoring = true;
    try {
      const back = await this.#app.host.restoreCleared(progress.past, { which: "filter", value: filter }, null);
      this.#app.toasts.say(`${plural(back, "retained message")} brought back`);
      this.table.clearSelection();
    } catch (error) {
      this.fault = asFault(error);
    } finally {
      this.restoring = false;
      void this.open();
    }
  }
}
