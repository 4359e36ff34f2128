// The window's own connection: what it publishes comes back to its subscriptions, and other topics' messages too.

import { encodeBase64 } from "../../lib/payload";
import { matches } from "../../lib/topicfilter";
import type { MessageRow } from "../types/MessageRow";
import type { OutgoingMessage } from "../types/OutgoingMessage";
import type { Published } from "../types/Published";
import type { PublisherOptions } from "../types/PublisherOptions";
import type { PublisherState } from "../types/PublisherState";
import type { PublisherSubscription } from "../types/PublisherSubscription";
import type { PublisherView } from "../types/PublisherView";
import type { Properties } from "../types/Properties";
import type { ReceivedMessage } from "../types/ReceivedMessage";
import { fault } from "./fault";
import { bytesOf, type Bytes, type Topic } from "./topics";

const INBOX = 500;
const CONNECTING = 120;

export const NO_PROPERTIES: Properties = {
  payload_is_text: null,
  message_expiry_interval: null,
  content_type: null,
  response_topic: null,
  correlation_data: null,
  user_properties: [],
};

export class FakePublisher {
  state: PublisherState = { state: "disconnected" };
  options: PublisherOptions = { client_id: "nightjar-window", version: "5.0", clean_start: true };
  #subscriptions: PublisherSubscription[] = [];
  #inbox: ReceivedMessage[] = [];
  #received = 0;
  /** Ids go on over connections, as the real ones do. */
  #lastId = 0;
  #polledAt = 0;

  constructor(
    private readonly topics: () => readonly Topic[],
    private readonly clock: () => number,
    private readonly rowOf: (
      topic: string,
      payload: Bytes,
      qos: number,
      retain: boolean,
      id: number,
      at: number,
    ) => MessageRow,
    /** The broker takes a message; returns whether somebody else subscribes. */
    private readonly take: (message: OutgoingMessage, client: string) => boolean,
    private readonly changed: (connected: boolean) => void,
  ) {}

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
    this.#polledAt = this.clock();
    this.state = { state: "connected", since: this.clock(), session_present: !options.clean_start };
    this.changed(true);
  }

  disconnect(): void {
    this.state = { state: "disconnected" };
    this.changed(false);
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
    const others = this.take(message, this.options.client_id);
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

  #mustBeConnected(what: string): void {
    if (this.state.state !== "connected") throw fault(what, "The window is not connected as a client", "Connect first");
  }

  /** What the subscriptions received of the other clients' messages since the last look. */
  #flow(): void {
    if (this.state.state !== "connected") return;
    const now = this.clock();
    const before = this.#polledAt;
    this.#polledAt = now;
    for (const { filter } of this.#subscriptions) {
      let given = 0;
      for (const topic of this.topics()) {
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
    const row = { ...this.rowOf(topic, payload, qos, retain, this.#lastId, this.clock()), publisher: "" };
    this.#inbox.unshift({ row, payload: encodeBase64(bytesOf(payload)), properties });
    this.#inbox.length = Math.min(this.#inbox.length, INBOX);
  }
}
