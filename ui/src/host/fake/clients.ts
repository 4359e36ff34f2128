// 128 connected clients and a few sessions that wait for theirs.

import type { ClientRow } from "../types/ClientRow";
import type { SubscriptionRow } from "../types/SubscriptionRow";
import { noise, pick } from "./noise";
import type { Topic } from "./topics";

export interface Client {
  name: string;
  index: number;
  connected: boolean;
  version: string;
  address: string;
  userName: string | null;
  since: number;
  rateIn: number;
  rateOut: number;
  queued: number;
  dropped: number;
  isWindow: boolean;
  subscriptions: SubscriptionRow[];
  lastDisconnect: string | null;
}

const CONNECTED = 128;
const AWAY = 9;

export function makeClients(topics: readonly Topic[], started: number): Client[] {
  const rates = new Map<string, number>();
  for (const topic of topics) {
    if (topic.publisher !== "$broker") rates.set(topic.publisher, (rates.get(topic.publisher) ?? 0) + topic.rate);
  }
  const names = [...rates.keys()];
  for (const name of [
    "grafana-bridge",
    "hall-tablet",
    "node-red",
    "telegraf",
    "press-11-plc",
    "meter-9",
    "phone-anna",
    "phone-björn",
  ])
    names.push(name);
  for (let n = 1; names.length < CONNECTED + AWAY; n++) names.push(`tablet-${String(n).padStart(2, "0")}`);

  const subscribers = new Map<string, [string, number][]>([
    ["grafana-bridge", [["factory/#", 0]]],
    [
      "homeassistant",
      [
        ["zigbee2mqtt/#", 1],
        ["homeassistant/#", 1],
        ["shellies/+/power", 0],
      ],
    ],
    [
      "node-red",
      [
        ["factory/+/+/state", 1],
        ["$share/flows/factory/line-2/#", 1],
      ],
    ],
    [
      "telegraf",
      [
        ["factory/energy/#", 0],
        ["$SYS/#", 0],
        // A bridge with a long list; nothing of it matches.
        ...Array.from({ length: 2398 }, (_, n): [string, number] => [`telegraf/input-${n + 1}/+/value`, n % 3]),
      ],
    ],
  ]);
  return names.map((name, index) => {
    const connected = index < CONNECTED;
    const subscriptions = (subscribers.get(name) ?? [[`${name}/command`, 1] as [string, number]]).map(
      ([filter, qos], i) => ({
        filter,
        qos,
        no_local: name === "homeassistant",
        retain_as_published: false,
        identifier: name === "node-red" ? i + 1 : null,
      }),
    );
    return {
      name,
      index,
      connected,
      version: pick(["5.0", "5.0", "3.1.1", "3.1.1", "3.1"], 11, index),
      address: `192.168.1.${20 + (index % 200)}:${49152 + Math.floor(noise(12, index) * 16000)}`,
      userName: null,
      since: started - Math.floor(noise(13, index) * 3 * 86_400_000),
      rateIn: connected ? (rates.get(name) ?? 0) : 0,
      rateOut: connected ? (subscribers.has(name) ? 6000 * noise(14, index) : noise(15, index) * 2) : 0,
      queued: connected
        ? noise(16, index) < 0.05
          ? Math.floor(noise(17, index) * 400)
          : 0
        : Math.floor(noise(17, index) * 12_000),
      dropped: noise(18, index) < 0.03 ? 17 : 0,
      isWindow: false,
      subscriptions,
      lastDisconnect: connected ? null : "Keep Alive timeout (0x8D): nothing was heard for 90 s [MQTT-3.1.2-22]",
    };
  });
}

export function rowOf(client: Client, now: number): ClientRow {
  const seconds = Math.max(0, (now - client.since) / 1000);
  const wobble = 0.9 + 0.2 * noise(client.index, Math.floor(now / 1000));
  const rate_in = client.connected ? client.rateIn * wobble : 0;
  const rate_out = client.connected ? client.rateOut * wobble : 0;
  return {
    client: client.name,
    connected: client.connected,
    version: client.version,
    address: client.address,
    user_name: client.userName,
    since: client.since,
    rate_in,
    rate_out,
    messages_in: Math.floor(client.rateIn * seconds),
    messages_out: Math.floor(client.rateOut * seconds),
    bytes_in: Math.floor(client.rateIn * seconds * 104),
    bytes_out: Math.floor(client.rateOut * seconds * 106),
    subscriptions: client.subscriptions.length,
    inflight: client.connected && client.queued > 0 ? 20 : 0,
    queued: client.queued,
    queued_bytes: client.queued * 118,
    dropped: client.dropped,
    is_window: client.isWindow,
  };
}
