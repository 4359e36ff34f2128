// What every part of the fake looks at: topics, clients, what is retained, what the window published.

import { payloadOf } from "../../lib/payload";
import { matches } from "../../lib/topicfilter";
import type { OutgoingMessage } from "../types/OutgoingMessage";
import type { Properties } from "../types/Properties";
import { makeClients, type Client } from "./clients";
import { fault } from "./fault";
import { noise } from "./noise";
import { NO_PROPERTIES } from "./properties";
import { makeTopics, type Bytes, type Topic } from "./topics";
import { Tree } from "./tree";

/** A message that is kept for itself: retained, or published by the window. */
export interface Kept {
  topic: string;
  payload: Bytes;
  at: number;
  publisher: string;
  qos: number;
  properties: Properties;
}

/** A change of what a topic retains; without a payload it was cleared. */
export interface Change {
  id: number;
  kept: Kept;
}

/** Their ids begin here. */
export const CHANGE_IDS = 2 ** 51;
const HOUR = 3_600_000;

export class World {
  readonly started = Date.now();
  /** Nothing has ever connected. */
  readonly empty: boolean;
  readonly topics: Topic[];
  readonly byPath = new Map<string, Topic>();
  readonly tree = new Tree<Topic>();
  clients: Client[];
  readonly retained = new Map<string, Kept>();
  /** Every change of what is retained, the oldest first. */
  readonly changes: Change[] = [];
  /** What the window published, the oldest first. */
  readonly sent: Kept[] = [];

  constructor(options: URLSearchParams) {
    this.empty = options.has("empty");
    this.topics = this.empty ? [] : makeTopics(options.has("long"));
    for (const topic of this.topics) {
      this.byPath.set(topic.path, topic);
      this.tree.add(topic);
      if (topic.retained) {
        this.retained.set(topic.path, {
          topic: topic.path,
          payload: topic.payload(0),
          at: this.setAt(topic),
          publisher: topic.publisher,
          qos: topic.qos,
          properties: NO_PROPERTIES,
        });
      }
    }
    this.#remember();
    this.clients = this.empty ? [] : makeClients(this.topics, this.started);
  }

  /** Makes up what was retained before: older values of each topic, and some that were cleared. */
  #remember(): void {
    const before: Kept[] = [];
    for (const kept of this.retained.values()) {
      const topic = this.byPath.get(kept.topic)!;
      const values = 1 + Math.floor(noise(41, topic.index) * 4);
      for (let n = 1; n <= values; n += 1) {
        const at = kept.at - Math.floor(n * (0.3 + noise(42, topic.index * 8 + n)) * 9 * HOUR);
        before.push({ ...kept, payload: topic.payload(n), at });
      }
      before.push(kept);
    }
    const last = [...this.retained.values()].slice(0, 12);
    last.forEach((kept, n) => {
      const old = { ...kept, topic: `${kept.topic}-old`, at: this.started - (30 + n) * HOUR };
      const cleared = { ...old, payload: "", at: this.started - (n + 1) * 0.7 * HOUR, publisher: "node-red" };
      before.push(old, cleared);
    });
    before.sort((a, b) => a.at - b.at);
    for (const kept of before) this.changes.push({ id: CHANGE_IDS + this.changes.length, kept });
  }

  /** A topic retains a message from here on or, without a payload, none. */
  retain(kept: Kept): void {
    this.changes.push({ id: CHANGE_IDS + this.changes.length, kept });
    if (kept.payload.length === 0) this.retained.delete(kept.topic);
    else this.retained.set(kept.topic, kept);
  }

  now = (): number => Date.now();

  get seconds(): number {
    return (this.now() - this.started) / 1000;
  }

  get connected(): number {
    return this.clients.filter((client) => client.connected).length;
  }

  client(name: string): Client {
    const client = this.clients.find((candidate) => candidate.name === name);
    if (!client) throw fault("The client is unknown", `There is no session of “${name}”`, "Choose another one");
    return client;
  }

  /** When a topic that never changes got its value. */
  setAt(topic: Topic): number {
    return this.started - Math.floor(noise(5, topic.index) * 3 * 86_400_000);
  }

  /** The broker takes a message of the window; returns whether somebody else subscribes. */
  take = (message: OutgoingMessage, client: string): boolean => {
    const bytes = Uint8Array.from(atob(message.payload), (char) => char.charCodeAt(0));
    const { text } = payloadOf(bytes);
    const kept: Kept = {
      topic: message.topic,
      payload: text ?? bytes,
      at: this.now(),
      publisher: client,
      qos: message.qos,
      properties: message.properties,
    };
    this.sent.push(kept);
    if (!this.byPath.has(message.topic)) {
      const topic: Topic = {
        index: this.topics.length,
        path: message.topic,
        rate: 0,
        publisher: "",
        retained: false,
        qos: message.qos,
        payload: () => kept.payload,
      };
      this.topics.push(topic);
      this.byPath.set(topic.path, topic);
      this.tree.add(topic);
    }
    if (message.retain) this.retain(kept);
    return this.clients.some(
      (other) => other.name !== client && other.subscriptions.some(({ filter }) => matches(filter, message.topic)),
    );
  };
}
