// A broker that is not there: seeded, the same in every run, and large enough to look like the real thing. For tests and for
// working on the window without Rust; production builds leave it out.

import { payloadOf } from "../lib/payload";
import { hasWildcard, matches } from "../lib/topicfilter";
import type { Host } from "./host";
import { makeClients, rowOf as clientRowOf, type Client } from "./fake/clients";
import { events } from "./fake/events";
import { fault } from "./fake/fault";
import { FakeHistory } from "./fake/history";
import { noise, wave } from "./fake/noise";
import { FakePublisher, NO_PROPERTIES } from "./fake/publisher";
import { bytesOf, kindOf, makeTopics, previewOf, shortValueOf, sizeOf, type Bytes, type Topic } from "./fake/topics";
import { Tree, type Node } from "./fake/tree";
import type { ClientQuery } from "./types/ClientQuery";
import type { ClientRow } from "./types/ClientRow";
import type { Density } from "./types/Density";
import type { MessageDetail } from "./types/MessageDetail";
import type { MessageRow } from "./types/MessageRow";
import type { OutgoingMessage } from "./types/OutgoingMessage";
import type { Preferences } from "./types/Preferences";
import type { Properties } from "./types/Properties";
import type { RetainedSelection } from "./types/RetainedSelection";
import type { Status } from "./types/Status";
import type { Theme } from "./types/Theme";
import type { TopicRow } from "./types/TopicRow";
import type { Traffic } from "./types/Traffic";
import type { TrafficRange } from "./types/TrafficRange";
import type { Vitals } from "./types/Vitals";

const VERSION = "0.1.0";
const UPTIME_BEFORE = 3 * 86_400 + 4 * 3600;
const HISTORY_BEFORE = 2_104_318;
/** Ids of a topic's own messages begin here; those of the history lie below. */
const TOPIC_IDS = 2 ** 40;
const MAX_TOPICS = 4096;
/** What the window published: each has an id of its own, above all others. */
const SENT_IDS = 2 ** 52;

interface Kept {
  topic: string;
  payload: Bytes;
  at: number;
  publisher: string;
  qos: number;
  properties: Properties;
}

export class FakeHost implements Host {
  /** What was copied, newest last: for tests. */
  readonly copied: string[] = [];
  /** How often each command was called. */
  readonly calls = new Map<string, number>();
  /** Tests set it to make a command fail: `host.failing.add("publisherPublish")`. */
  readonly failing = new Set<string>();
  /** Tests set it to make every command hang from now on. */
  stalled = false;

  #started: number;
  #empty: boolean;
  #status: Status;
  #preferences: Preferences;
  #journalPaused: string | null;
  #topics: Topic[];
  #byPath = new Map<string, Topic>();
  #tree = new Tree<Topic>();
  #clients: Client[];
  #retained = new Map<string, Kept>();
  #sent: Kept[] = [];
  #history: FakeHistory;
  #publisher: FakePublisher;

  constructor(options: URLSearchParams) {
    this.#started = Date.now();
    this.#empty = options.has("empty");
    this.#journalPaused = options.get("journal") === "paused" ? "The disk is full" : null;
    this.#preferences = {
      theme: (options.get("theme") as Theme | null) ?? "system",
      density: (options.get("density") as Density | null) ?? "normal",
    };
    this.#topics = this.#empty ? [] : makeTopics(options.has("long"));
    for (const topic of this.#topics) {
      this.#byPath.set(topic.path, topic);
      this.#tree.add(topic);
      if (topic.retained) {
        const at = this.#started - Math.floor(noise(5, topic.index) * 3 * 86_400_000);
        this.#retained.set(topic.path, {
          topic: topic.path,
          payload: topic.payload(0),
          at,
          publisher: topic.publisher,
          qos: topic.qos,
          properties: NO_PROPERTIES,
        });
      }
    }
    this.#clients = this.#empty ? [] : makeClients(this.#topics, this.#started);
    const before = this.#empty ? 0 : HISTORY_BEFORE;
    this.#history = new FakeHistory(this.#topics, this.#rowOf, this.#now, this.#started, before);
    this.#publisher = new FakePublisher(
      () => this.#topics,
      this.#now,
      this.#plainRow,
      this.#take,
      this.#windowConnected,
    );
    const access = options.get("access") === "this_computer" || this.#empty ? "this_computer" : "anyone";
    this.#status = this.#running(access, options.getAll("notice"));
    if (options.get("state") === "starting") this.#status = { state: "starting" };
    if (options.get("state") === "failed") {
      this.#status = {
        state: "failed",
        fault: fault(
          "The broker cannot listen on port 1883",
          "Another program uses it: mosquitto (process 812).",
          "Stop that program, or set another port in nightjar.toml, and try again.",
        ),
      };
    }
    if (options.has("stall")) setTimeout(() => (this.stalled = true), 3000);
    this.#instrument(Number(options.get("delay") ?? 0));
  }

  // Each command is counted, can be made to fail or to hang, and answers as asynchronously as the real one.
  #instrument(delay: number): void {
    const self = this as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    for (const name of Object.getOwnPropertyNames(FakeHost.prototype)) {
      const command = self[name];
      if (name === "constructor" || typeof command !== "function") continue;
      self[name] = async (...args) => {
        this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
        if (this.stalled) await new Promise(() => {});
        if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
        if (this.failing.has(name)) throw fault("That did not work", "The test wants it so.", "Try again.");
        return command.apply(this, args);
      };
    }
  }

  #now = (): number => Date.now();
  #seconds(): number {
    return (this.#now() - this.#started) / 1000;
  }

  #running(access: "this_computer" | "anyone", notices: string[]): Status {
    const address = access === "anyone" ? "192.168.1.20" : "127.0.0.1";
    return {
      state: "running",
      access,
      listeners: [
        {
          name: "MQTT",
          address: access === "anyone" ? "0.0.0.0:1883" : "127.0.0.1:1883",
          clients: this.#connected(),
          fault: null,
        },
      ],
      address,
      port: 1883,
      url: `mqtt://${address}:1883`,
      other_addresses: access === "anyone" ? ["10.8.0.3", "fd00::1f:20"] : [],
      data_directory: "/home/anna/.local/share/nightjar",
      version: VERSION,
      ever_connected: !this.#empty,
      notices,
      started_at: this.#started - UPTIME_BEFORE * 1000,
    };
  }

  #connected(): number {
    return this.#clients.filter((client) => client.connected).length;
  }

  async status(): Promise<Status> {
    if (this.#status.state !== "running") return this.#status;
    const listeners = this.#status.listeners.map((listener) => ({ ...listener, clients: this.#connected() }));
    return { ...this.#status, listeners };
  }

  async retryStart(): Promise<Status> {
    this.#status = this.#running("this_computer", []);
    return this.#status;
  }

  async setAccess(access: "this_computer" | "anyone"): Promise<Status> {
    if (this.#status.state === "running") this.#status = this.#running(access, this.#status.notices);
    return this.status();
  }

  async preferences(): Promise<Preferences> {
    return this.#preferences;
  }

  async setPreferences(preferences: Preferences): Promise<void> {
    this.#preferences = preferences;
  }

  // Overview

  /** All topics together, at a moment: the same curve for the numbers and the chart. */
  #flow(at: number): { messagesIn: number; messagesOut: number } {
    if (this.#empty) return { messagesIn: 0, messagesOut: 0 };
    const minutes = at / 60_000;
    const jitter = (seed: number) => (noise(seed, Math.floor(at / 1000)) - 0.5) * 0.03;
    return {
      messagesIn: 12_418 * (1 + 0.08 * wave(1, minutes / 3) + 0.04 * wave(2, minutes * 6) + jitter(21)),
      messagesOut: 31_052 * (1 + 0.1 * wave(3, minutes / 4) + 0.05 * wave(4, minutes * 5) + jitter(22)),
    };
  }

  async vitals(): Promise<Vitals> {
    const now = this.#now();
    const { messagesIn, messagesOut } = this.#flow(now);
    const messages = this.#history.newest + this.#sent.length;
    return {
      clients: this.#connected(),
      topics: this.#topics.length,
      retained: this.#retained.size,
      messages_in: messagesIn,
      messages_out: messagesOut,
      bytes_in: messagesIn * 104,
      bytes_out: messagesOut * 106,
      dropped: this.#empty ? 0 : 17,
      dropped_by_reason: this.#empty ? [] : [{ reason: "queue full", count: 17 }],
      history_messages: messages,
      history_bytes: messages * 665,
      journal_backlog: this.#empty ? 0 : Math.floor(600 + 400 * noise(8, Math.floor(now / 250))),
      journal_paused: this.#journalPaused,
      now,
      uptime_seconds: (this.#empty ? 12 : UPTIME_BEFORE) + this.#seconds(),
    };
  }

  #traffic(points: number, step: number): Traffic {
    const last = Math.floor(this.#now() / step) * step;
    const at = Array.from({ length: points }, (_, i) => last - (points - 1 - i) * step);
    const flow = at.map((moment) => this.#flow(moment));
    return {
      at,
      messages_in: flow.map(({ messagesIn }) => messagesIn),
      messages_out: flow.map(({ messagesOut }) => messagesOut),
      bytes_in: flow.map(({ messagesIn }) => messagesIn * 104),
      bytes_out: flow.map(({ messagesOut }) => messagesOut * 106),
      clients: at.map((moment) => (this.#empty ? 0 : Math.round(126 + 3 * wave(6, moment / 20_000)))),
      dropped: at.map(() => 0),
    };
  }

  async overview(range: TrafficRange) {
    const steps: Record<TrafficRange, [number, number]> = {
      one_minute: [60, 1000],
      ten_minutes: [150, 4000],
      one_hour: [180, 20_000],
      one_day: [288, 300_000],
    };
    const busy = <T>(all: readonly T[], name: (t: T) => string, rate: (t: T) => number) =>
      [...all]
        .sort((a, b) => rate(b) - rate(a))
        .slice(0, 5)
        .map((one) => ({ name: name(one), rate: rate(one) }));
    const window = this.#publisher.options.client_id;
    return {
      traffic: this.#traffic(...steps[range]),
      recent: this.#traffic(60, 1000),
      joined_5_min: this.#empty ? 0 : 4,
      left_5_min: this.#empty ? 0 : 1,
      peak_in: this.#empty ? 0 : 14_902,
      busiest_topics: busy(
        this.#topics,
        (topic) => topic.path,
        (topic) => topic.rate,
      ),
      busiest_clients: busy(
        this.#clients.filter(({ name, rateIn }) => name !== window && rateIn > 0),
        (client) => client.name,
        (client) => client.rateIn,
      ),
      events: this.#empty ? [] : events(this.#now(), this.#started).slice(0, 20),
    };
  }

  async find(text: string) {
    const wanted = text.toLowerCase();
    const topics = [...this.#tree.all()]
      .filter((node) => node.path.toLowerCase().includes(wanted))
      .map((node) => ({ path: node.path, is_topic: node.topic !== undefined, rate: this.#rateOf(node) }))
      .sort((a, b) => b.rate - a.rate)
      .slice(0, 8);
    const clients = this.#clients
      .filter(({ name }) => name.toLowerCase().includes(wanted))
      .slice(0, 8)
      .map(({ name, connected }) => ({ client: name, connected }));
    return { topics, clients };
  }

  // Topics

  #rates = new WeakMap<Node<Topic>, number>();
  #rateOf(node: Node<Topic>): number {
    let rate = this.#rates.get(node);
    if (rate === undefined) {
      rate = (node.topic?.rate ?? 0) + [...node.children.values()].reduce((sum, child) => sum + this.#rateOf(child), 0);
      this.#rates.set(node, rate);
    }
    return rate;
  }

  /** The number of a topic's last message. */
  #lastSeq(topic: Topic): number {
    return topic.rate === 0 ? 0 : Math.floor((this.#seconds() + 600_000) * topic.rate);
  }
  #timeOf(topic: Topic, seq: number): number {
    if (topic.rate === 0) return this.#started - Math.floor(noise(5, topic.index) * 3 * 86_400_000);
    const wobble = noise(topic.index, seq) * 0.2;
    return Math.floor(this.#started + ((seq - wobble) / topic.rate - 600_000) * 1000);
  }
  #lastOf(topic: Topic): { payload: Bytes; at: number } {
    const sent = this.#sent.findLast((message) => message.topic === topic.path);
    if (sent && topic.rate === 0) return sent;
    const seq = this.#lastSeq(topic);
    return { payload: topic.payload(seq), at: this.#timeOf(topic, seq) };
  }

  #plainRow = (topic: string, payload: Bytes, qos: number, retain: boolean, id: number, at: number): MessageRow => ({
    id,
    at,
    topic,
    publisher: "",
    qos,
    retain,
    preview: previewOf(payload),
    kind: kindOf(payload),
    size: sizeOf(payload),
  });
  #rowOf = (topic: Topic, seq: number, id: number, at: number): MessageRow => ({
    ...this.#plainRow(topic.path, topic.payload(seq), topic.qos, topic.rate === 0 && topic.retained, id, at),
    publisher: topic.publisher,
  });
  #keptRow(kept: Kept, id: number): MessageRow {
    return { ...this.#plainRow(kept.topic, kept.payload, kept.qos, true, id, kept.at), publisher: kept.publisher };
  }

  #topicRow(node: Node<Topic>, expanded: boolean): TopicRow {
    const { topic } = node;
    const rate = this.#rateOf(node);
    const last = topic && this.#lastOf(topic);
    const wobble = 0.92 + 0.16 * noise(node.path.length * 31 + node.topicsBelow, Math.floor(this.#now() / 2000));
    return {
      path: node.path,
      name: node.name,
      depth: node.depth,
      children: node.children.size,
      topics_below: node.topicsBelow,
      expanded,
      is_topic: topic !== undefined,
      retained: this.#retained.has(node.path),
      rate: rate < 1 ? rate : rate * wobble,
      messages: topic ? this.#lastSeq(topic) + 1 : 0,
      value: last ? shortValueOf(last.payload) : "",
      value_kind: last ? kindOf(last.payload) : "empty",
      last_at: last?.at ?? null,
      changed_at: last && topic.number ? last.at : null,
    };
  }

  async topicRows(query: Parameters<Host["topicRows"]>[0]) {
    const weigh =
      query.sort === "name"
        ? undefined
        : query.sort === "rate"
          ? (node: Node<Topic>) => this.#rateOf(node)
          : (node: Node<Topic>) => this.#newestIn(node);
    const nodes = this.#tree.rows(query, weigh);
    const expanded = new Set(query.expanded);
    const rows = nodes.slice(query.first, query.first + query.count).map((node, i) => {
      const next = nodes[query.first + i + 1];
      return this.#topicRow(
        node,
        query.filter === "" ? expanded.has(node.path) : next !== undefined && next.depth > node.depth,
      );
    });
    return { total: nodes.length, topics: this.#topics.length, first: query.first, rows };
  }

  #newestIn(node: Node<Topic>): number {
    const own = node.topic ? this.#lastOf(node.topic).at : 0;
    return [...node.children.values()].reduce((newest, child) => Math.max(newest, this.#newestIn(child)), own);
  }

  async topicMessages(query: Parameters<Host["topicMessages"]>[0]) {
    const none = {
      rows: [],
      skipped: 0,
      total: 0,
      histogram: Array<number>(100).fill(0),
      series: [],
      series_path: null,
    };
    const topic = this.#byPath.get(query.topic);
    if (!topic) return none;
    const limit = Math.min(query.limit, 500);
    const last = this.#lastSeq(topic);
    const sent = this.#sent.flatMap((message, i) =>
      message.topic === topic.path && (query.after === null || SENT_IDS + i > query.after)
        ? [{ ...this.#keptRow(message, SENT_IDS + i), retain: this.#retained.get(topic.path) === message }]
        : [],
    );
    const made = topic.publisher !== "";
    const known =
      query.after === null || query.after >= SENT_IDS ? -1 : Math.floor((query.after - TOPIC_IDS) / MAX_TOPICS);
    const newer = made ? Math.max(0, last - known) : 0;
    const generated = query.after !== null && query.after >= SENT_IDS ? 0 : Math.min(limit, newer);
    const rows = Array.from({ length: generated }, (_, i) =>
      this.#rowOf(topic, last - i, this.#idOf(topic, last - i), this.#timeOf(topic, last - i)),
    );
    return {
      rows: [...sent.reverse(), ...rows].slice(0, limit),
      skipped: query.after === null ? 0 : newer - generated,
      total: (made ? last + 1 : 0) + this.#sent.filter((message) => message.topic === topic.path).length,
      histogram: this.#histogram(topic),
      series: this.#series(topic),
      series_path: topic.number?.path ?? null,
    };
  }

  #idOf(topic: Topic, seq: number): number {
    return TOPIC_IDS + seq * MAX_TOPICS + topic.index;
  }

  #histogram(topic: Topic): number[] {
    const slot = Math.floor(this.#now() / 3000);
    return Array.from({ length: 100 }, (_, i) => {
      const expected = topic.rate * 3;
      const n = noise(topic.index, slot - 99 + i);
      return expected >= 1 ? Math.round(expected * (0.85 + 0.3 * n)) : n < expected ? 1 : 0;
    });
  }

  #series(topic: Topic): [number, number][] {
    if (!topic.number || topic.rate === 0) return [];
    const last = this.#lastSeq(topic);
    const count = Math.min(300, Math.floor(topic.rate * 300) + 1);
    const step = Math.max(1, Math.floor((topic.rate * 300) / 300));
    return Array.from({ length: count }, (_, i) => {
      const seq = last - (count - 1 - i) * step;
      return [this.#timeOf(topic, seq), topic.number!.at(seq)];
    });
  }

  async message(id: number): Promise<MessageDetail> {
    if (id >= SENT_IDS) {
      const kept = this.#sent[id - SENT_IDS];
      if (!kept) throw fault("The message is gone", "It is no longer in the history", "Choose another one");
      return this.#detail(
        { ...this.#keptRow(kept, id), retain: this.#retained.get(kept.topic) === kept },
        kept.payload,
        null,
        kept.properties,
      );
    }
    const ofTopic = id >= TOPIC_IDS;
    const topic = ofTopic ? this.#topics[(id - TOPIC_IDS) % MAX_TOPICS]! : this.#history.place(id).topic;
    const seq = ofTopic ? Math.floor((id - TOPIC_IDS) / MAX_TOPICS) : this.#history.place(id).seq;
    const row = ofTopic ? this.#rowOf(topic, seq, id, this.#timeOf(topic, seq)) : this.#history.row(id);
    const v5 = this.#clients.find(({ name }) => name === topic.publisher)?.version === "5.0";
    const properties: Properties =
      row.kind === "json" && v5
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
    return this.#detail(row, topic.payload(seq), seq > 0 && topic.rate > 0 ? topic.payload(seq - 1) : null, properties);
  }

  #detail(row: MessageRow, payload: Bytes, previous: Bytes | null, properties: Properties): MessageDetail {
    return {
      row,
      payload: payloadOf(bytesOf(payload)),
      previous: previous === null ? null : payloadOf(bytesOf(previous)),
      properties,
      matched: this.#clients.filter((client) => client.subscriptions.some(({ filter }) => matches(filter, row.topic)))
        .length,
      publisher_version: this.#clients.find(({ name }) => name === row.publisher)?.version ?? null,
    };
  }

  // Clients

  async clientRows(query: ClientQuery) {
    const now = this.#now();
    const text = query.filter.toLowerCase();
    const rows = this.#clients
      .map((client) => clientRowOf(client, now))
      .filter((row) => !query.only_connected || row.connected)
      .filter((row) =>
        [row.client, row.user_name ?? "", row.address].some((field) => field.toLowerCase().includes(text)),
      );
    const by: Record<ClientQuery["sort"], (a: ClientRow, b: ClientRow) => number> = {
      name: (a, b) => a.client.localeCompare(b.client, "en", { numeric: true }),
      state: (a, b) => Number(b.connected) - Number(a.connected),
      // By what does not wobble, so that rows stay where they are.
      rate_in: (a, b) => this.#client(a.client).rateIn - this.#client(b.client).rateIn,
      rate_out: (a, b) => this.#client(a.client).rateOut - this.#client(b.client).rateOut,
      queue: (a, b) => a.queued - b.queued,
      since: (a, b) => a.since - b.since,
      address: (a, b) => a.address.localeCompare(b.address, "en", { numeric: true }),
    };
    rows.sort((a, b) => (query.descending ? -1 : 1) * by[query.sort](a, b) || by.name(a, b));
    return {
      total: rows.length,
      connected: this.#connected(),
      away: this.#clients.length - this.#connected(),
      first: query.first,
      rows: rows.slice(query.first, query.first + query.count),
    };
  }

  #client(name: string): Client {
    const client = this.#clients.find((candidate) => candidate.name === name);
    if (!client) throw fault("The client is unknown", `There is no session of “${name}”`, "Choose another one");
    return client;
  }

  async clientDetail(name: string) {
    const client = this.#client(name);
    const plc = name.endsWith("-plc");
    return {
      row: clientRowOf(client, this.#now()),
      keep_alive: 60,
      clean_start: !plc,
      session_expiry_interval: plc ? 86_400 : 0,
      receive_maximum: 20,
      will: plc ? { topic: `factory/status/${name}`, preview: "offline", qos: 1, retain: true, delay: 5 } : null,
      last_disconnect: client.lastDisconnect,
      subscriptions: client.subscriptions,
      timeline: [
        ...events(this.#now(), this.#started, name),
        {
          id: client.index + 1,
          at: client.since,
          kind: "connected" as const,
          client: name,
          text: `${name} connected`,
          detail: `from ${client.address}, MQTT ${client.version}`,
        },
      ].slice(0, 100),
    };
  }

  async disconnectClient(name: string): Promise<void> {
    const client = this.#client(name);
    if (!client.connected) throw fault("The client was not disconnected", "It is not connected", "");
    client.connected = false;
    client.since = this.#now();
    client.lastDisconnect = "Administrative action (0x98): disconnected in the window";
    if (client.isWindow)
      this.#publisher.state = {
        state: "failed",
        why: "The broker closed the connection: Administrative action (0x98)",
      };
  }

  // History

  async historyOpen(query: Parameters<Host["historyOpen"]>[0]) {
    return this.#history.open(query);
  }
  async historyPage(search: number, first: number, count: number) {
    return this.#history.page(search, first, count);
  }
  async historyClose(search: number): Promise<void> {
    this.#history.close(search);
  }

  // Retained

  #retainedMatching(filter: string): Kept[] {
    const text = filter.toLowerCase();
    const wild = hasWildcard(filter);
    return [...this.#retained.values()].filter(({ topic }) =>
      wild ? matches(filter, topic) : topic.toLowerCase().includes(text),
    );
  }

  async retainedRows(query: Parameters<Host["retainedRows"]>[0]) {
    const by = {
      topic: (a: Kept, b: Kept) => a.topic.localeCompare(b.topic, "en", { numeric: true }),
      age: (a: Kept, b: Kept) => b.at - a.at,
      size: (a: Kept, b: Kept) => sizeOf(a.payload) - sizeOf(b.payload),
      publisher: (a: Kept, b: Kept) => a.publisher.localeCompare(b.publisher, "en", { numeric: true }),
    };
    const all = this.#retainedMatching(query.filter).sort(
      (a, b) => (query.descending ? -1 : 1) * by[query.sort](a, b) || by.topic(a, b),
    );
    const rows = all.slice(query.first, query.first + query.count).map((kept) => this.#keptRow(kept, 0));
    return { total: all.length, first: query.first, rows };
  }

  async retainedMessage(topic: string): Promise<MessageDetail> {
    const kept = this.#retained.get(topic);
    if (!kept) throw fault("There is no retained message any more", `“${topic}” was cleared`, "Choose another one");
    return this.#detail(this.#keptRow(kept, 0), kept.payload, null, kept.properties);
  }

  #selected(selection: RetainedSelection): string[] {
    if (selection.which === "topics") return selection.value.filter((topic) => this.#retained.has(topic));
    return this.#retainedMatching(selection.value).map(({ topic }) => topic);
  }
  async countRetained(selection: RetainedSelection): Promise<number> {
    return this.#selected(selection).length;
  }
  async clearRetained(selection: RetainedSelection): Promise<number> {
    const topics = this.#selected(selection);
    for (const topic of topics) this.#retained.delete(topic);
    return topics.length;
  }
  async setRetained(edit: Parameters<Host["setRetained"]>[0]): Promise<void> {
    this.#take({ ...edit, retain: true }, "nightjar-window");
  }

  // Publish

  #take = (message: OutgoingMessage, client: string): boolean => {
    const bytes = Uint8Array.from(atob(message.payload), (char) => char.charCodeAt(0));
    const { text } = payloadOf(bytes);
    const kept: Kept = {
      topic: message.topic,
      payload: text ?? bytes,
      at: this.#now(),
      publisher: client,
      qos: message.qos,
      properties: message.properties,
    };
    this.#sent.push(kept);
    if (!this.#byPath.has(message.topic)) {
      const topic: Topic = {
        index: this.#topics.length,
        path: message.topic,
        rate: 0,
        publisher: "",
        retained: false,
        qos: message.qos,
        payload: () => kept.payload,
      };
      this.#topics.push(topic);
      this.#byPath.set(topic.path, topic);
      this.#tree.add(topic);
    }
    if (message.retain) {
      if (bytes.length === 0) this.#retained.delete(message.topic);
      else this.#retained.set(message.topic, kept);
    }
    return this.#clients.some(
      (other) => other.name !== client && other.subscriptions.some(({ filter }) => matches(filter, message.topic)),
    );
  };

  #windowConnected = (connected: boolean): void => {
    const { client_id, version } = this.#publisher.options;
    this.#clients = this.#clients.filter(({ name }) => name !== client_id);
    if (connected && this.#status.state === "running") this.#status = { ...this.#status, ever_connected: true };
    if (!connected) return;
    this.#clients.push({
      name: client_id,
      index: 5000,
      connected: true,
      version,
      address: "127.0.0.1:51514",
      userName: null,
      since: this.#now(),
      rateIn: 0,
      rateOut: 0,
      queued: 0,
      dropped: 0,
      isWindow: true,
      subscriptions: [],
      lastDisconnect: null,
    });
  };

  async publisher(after: number) {
    return this.#publisher.view(after);
  }
  async publisherConnect(options: Parameters<Host["publisherConnect"]>[0]): Promise<void> {
    await this.#publisher.connect(options);
  }
  async publisherDisconnect(): Promise<void> {
    this.#publisher.disconnect();
  }
  async publisherSubscribe(subscription: Parameters<Host["publisherSubscribe"]>[0]): Promise<void> {
    this.#publisher.subscribe(subscription);
  }
  async publisherUnsubscribe(filter: string): Promise<void> {
    this.#publisher.unsubscribe(filter);
  }
  async publisherPublish(message: OutgoingMessage) {
    return this.#publisher.publish(message);
  }

  async copy(text: string): Promise<void> {
    this.copied.push(text);
  }
}

export function fakeHost(options: URLSearchParams): FakeHost {
  return new FakeHost(options);
}
