// The window's own connection: what it publishes comes back to its subscriptions, and other topics' messages too.

import { encodeBase64 } from "../../lib/payload";
import { matches } from "../../lib/topicfilter";
import type { Host } from "../host";
import type { OutgoingMessage } from "../types/OutgoingMessage";
import type { Published } from "../types/Published";
import type { PublisherOptions } from "../types/PublisherOptions";
import type { PublisherState } from "../types/PublisherState";
import type { PublisherSubscription } from "../types/PublisherSubscription";
import type { PublisherView } from "../types/PublisherView";
import type { Properties } from "../types/Properties";
import type { ReceivedMessage } from "../types/ReceivedMessage";
import { fault } from "./fault";
import { plainRow } from "./messages";
import { NO_PROPERTIES } from "./properties";
import { bytesOf, type Bytes } from "./topics";
import type { World } from "./world";

const INBOX = 500;
const CONNECTING = 120;

type Commands = Pick<
  Host,
  | "publisher"
  | "publisherConnect"
  | "publisherDisconnect"
  | "publisherSubscribe"
  | "publisherUnsubscribe"
  | "publisherPublish"
>;

export class FakePublisher {
  state: PublisherState = { state: "disconnected" };
  options: PublisherOptions = { client_id: "nightjar-window", version: "5.0", clean_start: true };
  #subscriptions: PublisherSubscription[] = [];
  #inbox: ReceivedMessage[] = [];
  #received = 0;
  /** Ids go on over connections, as the real ones do. */
  #lastId = 0;
  #polledAt = 0;

  readonly commands: Commands = {
    publisher: async (after) => this.view(after),
    publisherConnect: (options) => this.connect(options),
    publisherDisconnect: async () => this.disconnect(),
    publisherSubscribe: async (subscription) => this.subscribe(subscription),
    publisherUnsubscribe: async (filter) => this.unsubscribe(filter),
    publisherPublish: async (message) => this.publish(message),
  };

  constructor(private readonly world: World) {}

  get subscriptions(): readonly PublisherSubscription[] {
    return this.#subscriptions;
  }

  async connect(options: PublisherOptions): Promise<void> {
    this.options = options;
    this.state = { state: "connecting" };
    await new Promise((resolve) => setTimeout(resolve, CONNECTING));
    if (options.client_id.length > 200) {
      this.state = { state: "failed", why: "The broker refused the Client Identifier (0x85)" };
      throw fault(
        "The window did not connect",
        "The broker refused the Client Identifier (0x85)",
        "Choose a shorter one",
      );
    }
    if (options.clean_start) this.#subscriptions = [];
    this.#inbox = [];
    this.#received = 0;
    this.#polledAt = this.world.now();
    this.state = { state: "connected", since: this.world.now(), session_present: !options.clean_start };
    this.#list(true);
  }

  disconnect(): void {
    this.state = { state: "disconnected" };
    this.#list(false);
  }

  subscribe(subscription: PublisherSubscription): void {
    this.#mustBeConnected("The filter was not subscribed to");
    this.#subscriptions = [...this.#subscriptions.filter(({ filter }) => filter !== subscription.filter), subscription];
  }

  unsubscribe(filter: string): void {
    this.#subscriptions = this.#subscriptions.filter((subscription) => subscription.filter !== filter);
  }

  publish(message: OutgoingMessage): Published {
    this.#mustBeConnected("The message was not published");
    const bytes = Uint8Array.from(atob(message.payload), (char) => char.charCodeAt(0));
    const others = this.world.take(message, this.options.client_id);
    const mine = this.#subscriptions.filter(({ filter, no_local }) => !no_local && matches(filter, message.topic));
    if (mine.length > 0) {
      let payload: Bytes = bytes;
      try {
        payload = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      } catch {
        // Not UTF-8: it stays bytes.
      }
      this.#receive(message.topic, payload, message.qos, false, message.properties);
    }
    if (message.qos === 0) return { acknowledged_after: null, reason: null };
    const v5 = this.options.version === "5.0";
    return {
      acknowledged_after: 1.8,
      reason: v5 ? (others || mine.length > 0 ? "Success" : "No matching subscribers") : null,
    };
  }

  view(after: number): PublisherView {
    this.#flow();
    return {
      state: this.state,
      options: this.options,
      subscriptions: [...this.#subscriptions],
      received: this.#received,
      inbox: this.#inbox.filter(({ row }) => row.id > after),
    };
  }

  /** The window is a client like any other. */
  #list(connected: boolean): void {
    const { client_id, version } = this.options;
    this.world.clients = this.world.clients.filter(({ name }) => name !== client_id);
    if (!connected) return;
    this.world.clients.push({
      name: client_id,
      index: 5000,
      connected: true,
      version,
      address: "127.0.0.1:51514",
      userName: null,
      since: this.world.now(),
      rateIn: 0,
      rateOut: 0,
      queued: 0,
      dropped: 0,
      isWindow: true,
      subscriptions: [],
      lastDisconnect: null,
    });
  }

  #mustBeConnected(what: string): void {
    if (this.state.state !== "connected") throw fault(what, "The window is not connected as a client", "Connect first");
  }

  /** What the subscriptions received of the other clients' messages since the last look. */
  #flow(): void {
    if (this.state.state !== "connected") return;
    const now = this.world.now();
    const before = this.#polledAt;
    this.#polledAt = now;
    for (const { filter } of this.#subscriptions) {
      let given = 0;
      for (const topic of this.world.topics) {
        const from = Math.floor((before / 1000) * topic.rate);
        const to = Math.floor((now / 1000) * topic.rate);
        if (to === from || !matches(filter, topic.path)) continue;
        for (let seq = from + 1; seq <= to && given < 60; seq++, given++) {
          this.#receive(topic.path, topic.payload(seq), topic.qos, false, NO_PROPERTIES);
        }
        this.#received += Math.max(0, to - from - 60);
      }
    }
  }

  #receive(topic: string, payload: Bytes, qos: number, retain: boolean, properties: Properties): void {
    this.#received += 1;
    this.#lastId += 1;
    const row = { ...plainRow(topic, payload, qos, retain, this.#lastId, this.world.now()), publisher: "" };
    this.#inbox.unshift({ row, payload: encodeBase64(bytesOf(payload)), properties });
    this.#inbox.length = Math.min(this.#inbox.length, INBOX);
  }
}
