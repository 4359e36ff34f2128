// The screen Publish: the window as a client. Its connection, the message that is written, what it subscribes to and what arrives.

import { asFault } from "../host/fault";
import { Feed } from "../host/feed.svelte";
import type { Fault } from "../host/types/Fault";
import type { OutgoingMessage } from "../host/types/OutgoingMessage";
import type { PublisherOptions } from "../host/types/PublisherOptions";
import type { PublisherState } from "../host/types/PublisherState";
import type { PublisherVersion } from "../host/types/PublisherVersion";
import type { PublisherView } from "../host/types/PublisherView";
import type { Published } from "../host/types/Published";
import { shorten } from "../lib/shorten";
import { filterError } from "../lib/topicfilter";
import type { App } from "./app.svelte";
import { Draft } from "./draft.svelte";
import { Inbox } from "./inbox.svelte";
import { Presets } from "./presets.svelte";
import { Repeat } from "./repeat.svelte";

/** What became of the last message. */
export interface Result {
  at: number;
  topic: string;
  qos: number;
  published: Published;
}

const DISCONNECTED: PublisherState = { state: "disconnected" };
const MAX_CLIENT_ID = 65_535;

export class Publish {
  readonly feed: Feed<PublisherView>;
  readonly draft = new Draft();
  readonly inbox = new Inbox();
  readonly presets: Presets;
  readonly repeat: Repeat;

  // The connection
  clientId = $state("");
  version = $state<PublisherVersion>("5.0");
  cleanStart = $state(true);
  connecting = $state(false);
  connectFault = $state.raw<Fault | undefined>(undefined);

  // The message
  /** Publishing was tried, so that also what was left empty is marked. */
  tried = $state(false);
  publishing = $state(false);
  publishFault = $state.raw<Fault | undefined>(undefined);
  result = $state.raw<Result | undefined>(undefined);
  propertiesOpen = $state(false);

  // The subscriptions
  filter = $state("");
  filterQos = $state(0);
  noLocal = $state(false);
  filterTried = $state(false);
  subscribing = $state(false);
  subscribeFault = $state.raw<Fault | undefined>(undefined);

  composerWidth = $state(384);
  inspectorWidth = $state(330);

  #app: App;
  /** The form takes over how the host connects, once. */
  #adopted = false;

  constructor(app: App, storage: Storage | undefined) {
    this.#app = app;
    this.presets = new Presets(storage);
    this.feed = new Feed(app, () => this.#ask());
    this.repeat = new Repeat((message) => this.#send(message));
  }

  readonly state = $derived.by<PublisherState>(() => {
    const known = this.feed.data?.state ?? DISCONNECTED;
    return this.connecting && known.state !== "connected" ? { state: "connecting" } : known;
  });
  readonly connected = $derived(this.state.state === "connected");
  readonly v5 = $derived(this.version === "5.0");
  readonly options = $derived<PublisherOptions>({
    client_id: this.clientId,
    version: this.version,
    clean_start: this.cleanStart,
  });
  readonly clientIdError = $derived.by(() => {
    if (this.clientId.includes("\0")) return "A client identifier takes no NUL character.";
    if (new TextEncoder().encode(this.clientId).length > MAX_CLIENT_ID) return "It takes at most 65,535 bytes.";
    // Before the first answer the field is empty because nothing is known yet.
    if (this.clientId === "" && this.feed.data) return "Write a client identifier.";
    return undefined;
  });
  readonly subscriptions = $derived.by(() => this.feed.data?.subscriptions ?? []);
  readonly filterError = $derived.by(() => {
    if (this.filter === "" && !this.filterTried) return undefined;
    const error = filterError(this.filter);
    if (error !== null) return error;
    if (this.v5 && this.noLocal && this.filter.startsWith("$share/"))
      return "A shared subscription cannot have “No local”.";
    return undefined;
  });
  /** The message may be published as it is. */
  readonly complete = $derived.by(() => this.draft.message(this.v5) !== undefined);

  async #ask(): Promise<PublisherView> {
    const view = await this.#app.host.publisher(this.inbox.newest);
    if (!this.#adopted) {
      this.#adopted = true;
      this.clientId = view.options.client_id;
      this.version = view.options.version;
      this.cleanStart = view.options.clean_start;
    }
    this.inbox.take(view);
    return view;
  }

  /** Answers whether the window is connected now. */
  async connect(): Promise<boolean> {
    if (this.connected) return true;
    if (this.connecting || this.clientIdError !== undefined) return false;
    this.connecting = true;
    this.connectFault = undefined;
    try {
      await this.#app.host.publisherConnect(this.options);
      return true;
    } catch (error) {
      this.connectFault = asFault(error);
      return false;
    } finally {
      this.connecting = false;
      this.feed.refresh();
    }
  }

  async disconnect(): Promise<void> {
    this.repeat.stop();
    this.connectFault = undefined;
    try {
      await this.#app.host.publisherDisconnect();
    } catch (error) {
      this.connectFault = asFault(error);
    } finally {
      this.feed.refresh();
    }
  }

  // Publishing

  /** Another screen brought a message, or a part of one. */
  open(message: Partial<OutgoingMessage>): void {
    if (Object.keys(message).length === 0) return;
    const before = this.draft.empty || message.payload === undefined ? undefined : this.draft.snapshot();
    this.load(message);
    if (before && JSON.stringify(before) !== JSON.stringify(this.draft.snapshot())) {
      this.#app.toasts.say("The message that was here was replaced", () => this.load(before));
    }
  }

  load(message: Partial<OutgoingMessage>): void {
    this.draft.load(message);
    this.tried = false;
    this.publishFault = undefined;
    this.result = undefined;
    if (this.draft.propertyCount > 0) this.propertiesOpen = true;
  }

  /** Connects first where it has to. */
  async publish(): Promise<void> {
    if (this.publishing) return;
    this.tried = true;
    const message = this.#whole();
    if (!message) return;
    this.publishing = true;
    this.publishFault = undefined;
    this.result = undefined;
    try {
      if (!(await this.connect())) return;
      await this.#send(message);
      this.tried = false;
      this.presets.remember(message);
    } catch (error) {
      this.publishFault = asFault(error);
    } finally {
      this.publishing = false;
    }
  }

  async startRepeat(): Promise<void> {
    this.tried = true;
    const message = this.#whole();
    if (!message || !(await this.connect())) return;
    this.publishFault = undefined;
    this.presets.remember(message);
    this.repeat.start(message);
  }

  #whole(): OutgoingMessage | undefined {
    const message = this.draft.message(this.v5);
    // What is wrong may be folded away.
    if (!message && this.v5 && this.draft.propertiesWrong) this.propertiesOpen = true;
    return message;
  }

  async #send(message: OutgoingMessage): Promise<void> {
    const published = await this.#app.host.publisherPublish(message);
    this.result = { at: this.#app.now, topic: message.topic, qos: message.qos, published };
    // What comes back to the window's own subscriptions should not wait for the next round.
    this.feed.refresh();
  }

  // Subscribing

  async subscribe(): Promise<void> {
    this.filterTried = true;
    if (this.filterError !== undefined || this.subscribing) return;
    const { filter, filterQos: qos } = this;
    this.subscribing = true;
    this.subscribeFault = undefined;
    try {
      if (!(await this.connect())) return;
      await this.#app.host.publisherSubscribe({ filter, qos, no_local: this.v5 && this.noLocal });
      this.filter = "";
      this.filterTried = false;
    } catch (error) {
      this.subscribeFault = asFault(error);
    } finally {
      this.subscribing = false;
      this.feed.refresh();
    }
  }

  async unsubscribe(filter: string): Promise<void> {
    this.subscribeFault = undefined;
    try {
      await this.#app.host.publisherUnsubscribe(filter);
    } catch (error) {
      this.subscribeFault = asFault(error);
    } finally {
      this.feed.refresh();
    }
  }

  // Presets

  deletePreset(name: string): void {
    const gone = this.presets.remove(name);
    if (gone)
      this.#app.toasts.say(`Preset “${shorten(name, 40)}” deleted`, () => this.presets.save(gone.name, gone.message));
  }
}

/** "acknowledged after 1.8 ms", and why nobody got it. */
export function resultText({ qos, published }: Result): string {
  if (qos === 0) return "Sent. QoS 0 is not acknowledged.";
  const after = published.acknowledged_after;
  const time = after === null ? "Acknowledged" : `Acknowledged after ${milliseconds(after)}`;
  return published.reason === null || published.reason === "Success" ? time : `${time}: ${published.reason}`;
}

function milliseconds(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
