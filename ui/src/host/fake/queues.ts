// What waits for the clients: each message follows from its place.

import { payloadOf } from "../../lib/payload";
import type { Host } from "../host";
import type { QueueRow } from "../types/QueueRow";
import { fault } from "./fault";
import { detailOf, plainRow } from "./messages";
import { noise } from "./noise";
import { NO_PROPERTIES } from "./properties";
import { bytesOf, type Bytes, type Topic } from "./topics";
import type { World } from "./world";

type Commands = Pick<Host, "queueRows" | "queuedMessage" | "purgeQueue">;

/** Milliseconds from one to the next. */
const SPACING = 2_000;

export function queueCommands(world: World): Commands {
  /** Orders that are not there any more, of each client. */
  const purged = new Map<string, Set<number>>();
  const first = new Map<string, number>();

  function orders(name: string): number[] {
    const { queued } = world.client(name);
    const gone = purged.get(name);
    const list: number[] = [];
    for (let order = first.get(name) ?? 0; list.length < queued; order += 1) if (!gone?.has(order)) list.push(order);
    return list;
  }

  function message(name: string, order: number): { topic: Topic; payload: Bytes; row: QueueRow } {
    const client = world.client(name);
    const topic = world.topics[Math.floor(noise(client.index + 31, order) * world.topics.length)]!;
    const payload = topic.payload(order);
    const at = Math.min(client.since, world.started) + order * SPACING;
    const row = { ...plainRow(topic.path, payload, 1, false, 0, at), publisher: topic.publisher };
    return { topic, payload, row: { key: `order-${order}`, row } };
  }

  return {
    async queueRows(name, from, count) {
      const client = world.client(name);
      const all = orders(name);
      const rows = all.slice(from, from + count).map((order) => message(name, order).row);
      return {
        total: all.length,
        bytes: all.length * 118,
        oldest: all.length > 0 ? message(name, all[0]!).row.row.at : null,
        inflight: client.connected && client.queued > 0 ? 20 : 0,
        first: from,
        rows,
      };
    },

    async queuedMessage(name, key) {
      const order = Number(key.split("-")[1]);
      if (!orders(name).includes(order))
        throw fault("The message does not wait any more", "It was sent, has expired, or was purged", "Choose another");
      const { payload, row } = message(name, order);
      const detail = detailOf(world, row.row, payload, null, NO_PROPERTIES);
      return { ...detail, payload: payloadOf(bytesOf(payload)), matched: null };
    },

    async purgeQueue(name, selection) {
      const client = world.client(name);
      const all = orders(name);
      const chosen =
        selection.which === "all" ? all : all.filter((order) => selection.value.includes(`order-${order}`));
      const gone = purged.get(name) ?? new Set();
      for (const order of chosen) gone.add(order);
      purged.set(name, gone);
      client.queued -= chosen.length;
      client.dropped += chosen.length;
      return chosen.length;
    },
  };
}
