// What clients wanted and did not get, the last first.

import type { DenialRow } from "../host/types/DenialRow";
import type { DenialRows } from "../host/types/DenialRows";
import type { App } from "./app.svelte";
import { HeldRows } from "./heldrows.svelte";

export class Denials {
  readonly table: HeldRows<DenialRow, DenialRows>;
  filter = $state("");

  constructor(app: App) {
    this.table = new HeldRows(
      app,
      (row) => row.key,
      (first, count) => app.host.denialRows({ filter: this.filter, first, count }),
    );
  }

  setFilter(filter: string): void {
    this.filter = filter;
    this.table.act();
  }
}

/** "publish to a/b", "read a/#". */
export function denialInWords({ operation, topic }: Pick<DenialRow, "operation" | "topic">): string {
  switch (operation) {
    case "connect":
      return "connect";
    case "publish":
      return `publish to ${topic}`;
    case "will":
      return `leave its Will on ${topic}`;
    case "subscribe":
      return `read ${topic}`;
  }
}
