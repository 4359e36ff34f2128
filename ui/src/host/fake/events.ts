// What happened lately, in a cycle that goes on while one looks.

import type { EventKind } from "../types/EventKind";
import type { EventRow } from "../types/EventRow";

const CYCLE: [EventKind, string, string, string][] = [
  ["connected", "hall-tablet", "hall-tablet connected", "from 192.168.1.44:50411, MQTT 5.0"],
  ["refused", "meter-9", "Connection of meter-9 refused", "Unsupported Protocol Version (0x84) [MQTT-3.1.2-2]"],
  [
    "lost",
    "press-11-plc",
    "press-11-plc lost",
    "Keep Alive timeout (0x8D): nothing was heard for 90 s [MQTT-3.1.2-22]",
  ],
  ["connected", "grafana-bridge", "grafana-bridge connected", "from 192.168.1.9:61022, MQTT 5.0, session resumed"],
  ["subscribed", "node-red", "node-red subscribed to factory/+/+/state", "QoS 1"],
  ["will", "press-11-plc", "Will of press-11-plc published", "to factory/line-2/press-11/state"],
  ["violation", "meter-9", "meter-9 broke the protocol", "the packet has QoS 3 [MQTT-3.3.1-4]"],
  ["disconnected", "phone-anna", "phone-anna disconnected", "Normal disconnection (0x00)"],
  ["takeover", "telegraf", "telegraf connected a second time", "the older connection was closed (0x8E)"],
  ["dropped", "tablet-07", "17 messages for tablet-07 dropped", "queue full"],
];
const EVERY = 27_000;
const AGES = [4, 30, 45, 82, 121, 190, 260, 333];

export function events(now: number, started: number, client?: string): EventRow[] {
  // The first ones are as old as in the reference; the later ones come while the window is open.
  const rows: EventRow[] = [];
  const arrived = Math.floor((now - started) / EVERY);
  for (let n = arrived; n > arrived - 120 && rows.length < 100; n--) {
    const [kind, name, text, detail] = CYCLE[((-n % CYCLE.length) + CYCLE.length) % CYCLE.length]!;
    const at = n > 0 ? started + n * EVERY : started - (AGES[-n] ?? 333 + (-n - 7) * 61) * 1000;
    if (client === undefined || name === client) rows.push({ id: 1000 + n, at, kind, client: name, text, detail });
  }
  return rows;
}
