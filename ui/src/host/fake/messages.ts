// Messages as rows and from close by. Those of a topic follow from its number and theirs.

import { payloadOf } from "../../lib/payload";
import { matches } from "../../lib/topicfilter";
import type { MessageDetail } from "../types/MessageDetail";
import type { MessageRow } from "../types/MessageRow";
import type { Properties } from "../types/Properties";
import { noise } from "./noise";
import { NO_PROPERTIES } from "./properties";
import { bytesOf, kindOf, previewOf, sizeOf, type Bytes, type Topic } from "./topics";
import type { Kept, World } from "./world";

/** Ids of a topic's own messages begin here; those of the history lie below. */
export const TOPIC_IDS = 2 ** 40;
const MAX_TOPICS = 4096;
/** What the window published: each has an id of its own, above all others. */
export const SENT_IDS = 2 ** 52;

export function plainRow(
  topic: string,
  payload: Bytes,
  qos: number,
  retain: boolean,
  id: number,
  at: number,
): MessageRow {
  return {
    id,
    at,
    topic,
    publisher: "",
    qos,
    retain,
    preview: previewOf(payload),
    kind: kindOf(payload),
    size: sizeOf(payload),
  };
}

export function rowOf(topic: Topic, seq: number, id: number, at: number): MessageRow {
  const retain = topic.rate === 0 && topic.retained;
  return { ...plainRow(topic.path, topic.payload(seq), topic.qos, retain, id, at), publisher: topic.publisher };
}

export function keptRow(kept: Kept, id: number, retain = true): MessageRow {
  return { ...plainRow(kept.topic, kept.payload, kept.qos, retain, id, kept.at), publisher: kept.publisher };
}

export function idOf(topic: Topic, seq: number): number {
  return TOPIC_IDS + seq * MAX_TOPICS + topic.index;
}

/** The number of a message of `idOf`; of an id between two, the number of the one before. */
export function seqOf(id: number): number {
  return Math.floor((id - TOPIC_IDS) / MAX_TOPICS);
}

export function indexOf(id: number): number {
  return (id - TOPIC_IDS) % MAX_TOPICS;
}

/** The number of a topic's last message. */
export function lastSeq(world: World, topic: Topic): number {
  return topic.rate === 0 ? 0 : Math.floor((world.seconds + 600_000) * topic.rate);
}

export function timeOf(world: World, topic: Topic, seq: number): number {
  if (topic.rate === 0) return world.setAt(topic);
  const wobble = noise(topic.index, seq) * 0.2;
  return Math.floor(world.started + ((seq - wobble) / topic.rate - 600_000) * 1000);
}

export function lastOf(world: World, topic: Topic): { payload: Bytes; at: number } {
  const sent = world.sent.findLast((message) => message.topic === topic.path);
  if (sent && topic.rate === 0) return sent;
  const seq = lastSeq(world, topic);
  return { payload: topic.payload(seq), at: timeOf(world, topic, seq) };
}

export function detailOf(
  world: World,
  row: MessageRow,
  payload: Bytes,
  previous: Bytes | null,
  properties: Properties,
): MessageDetail {
  const subscribes = world.clients.filter((client) =>
    client.subscriptions.some(({ filter }) => matches(filter, row.topic)),
  );
  return {
    row,
    payload: payloadOf(bytesOf(payload)),
    previous: previous === null ? null : payloadOf(bytesOf(previous)),
    properties,
    matched: subscribes.length,
    publisher_version: versionOf(world, row.publisher) ?? null,
  };
}

/** The n-th message of a topic, as the row shows it. */
export function detailOfTopic(world: World, topic: Topic, seq: number, row: MessageRow): MessageDetail {
  const properties: Properties =
    row.kind === "json" && versionOf(world, topic.publisher) === "5.0"
      ? {
          ...NO_PROPERTIES,
          payload_is_text: true,
          content_type: "application/json",
          user_properties: [
            ["site", "workshop"],
            ["trace-id", `7f3c1e9a-44d0-${(4096 + (seq % 60_000)).toString(16)}`],
          ],
        }
      : NO_PROPERTIES;
  const previous = seq > 0 && topic.rate > 0 ? topic.payload(seq - 1) : null;
  return detailOf(world, row, topic.payload(seq), previous, properties);
}

function versionOf(world: World, client: string): string | undefined {
  return world.clients.find(({ name }) => name === client)?.version;
}
