// The topics of a small factory and of the house around it: 1,284 of them, as in the reference.

import type { PayloadKind } from "../types/PayloadKind";
import { noise, pick, wave } from "./noise";

export type Bytes = string | Uint8Array;

export interface Topic {
  index: number;
  path: string;
  /** Messages per second. */
  rate: number;
  publisher: string;
  retained: boolean;
  qos: number;
  /** The payload of its n-th message. */
  payload: (seq: number) => Bytes;
  /** The number in it, where there is one, and the JSON member that holds it. */
  number?: { at: (seq: number) => number; path: string };
}

type Making = Omit<Topic, "index" | "qos" | "retained"> & Partial<Pick<Topic, "qos" | "retained">>;

const round = (n: number, digits: number) => Number(n.toFixed(digits));

export function makeTopics(long: boolean): Topic[] {
  const made: Making[] = [];
  const add = (making: Making) => made.push(making);

  const measure = (path: string, publisher: string, rate: number, base: number, spread: number, unit: string) => {
    const seed = made.length;
    const at = (seq: number) =>
      round(base + spread * wave(seed, seq / 180) + spread * 0.04 * (noise(seed, seq) - 0.5), 2);
    const payload = (seq: number) => JSON.stringify({ value: at(seq), unit, ok: true, seq });
    add({ path, publisher, rate, payload, number: { at, path: "value" }, qos: 1 });
  };
  const plain = (path: string, publisher: string, rate: number, base: number, spread: number, unit = "") => {
    const seed = made.length;
    const digits = base < 1 ? 4 : 2;
    const at = (seq: number) =>
      round(base + spread * wave(seed, seq / 240) + spread * 0.1 * (noise(seed, seq) - 0.5), digits);
    const payload = (seq: number) => (unit ? `${at(seq)} ${unit}` : String(at(seq)));
    if (unit) add({ path, publisher, rate, payload });
    else add({ path, publisher, rate, payload, number: { at, path: "" } });
  };
  const words = (path: string, publisher: string, rate: number, list: readonly string[], retained = true) => {
    const seed = made.length;
    // Mostly the first: states change seldom.
    const payload = (seq: number) => (noise(seed, seq) < 0.7 ? list[0]! : pick(list, seed, seq + 7));
    add({ path, publisher, rate, payload, retained, qos: 1 });
  };

  const machine = (line: string, name: string, publisher: string, busy: number, kept: boolean) => {
    const at = `factory/${line}/${name}`;
    measure(`${at}/temperature`, publisher, 10, 71.9, 0.6, "°C");
    plain(`${at}/pressure`, publisher, 10, 4.02, 0.1, "bar");
    plain(`${at}/vibration`, publisher, busy, 0.0131, 0.004);
    words(`${at}/state`, publisher, 0.2, ['"running"', '"idle"', '"setup"']);
    words(`${at}/alarm`, publisher, 0, ["false"]);
    add({
      path: `${at}/recipe`,
      publisher,
      rate: 0,
      retained: kept,
      qos: 1,
      payload: () =>
        JSON.stringify({
          name: "bracket-40",
          version: 17,
          steps: [1, 2, 3, 4, 5].map((n) => ({ n, force: 12.5 * n, hold: 0.4, tool: `t-${n}` })),
          limits: { temperature: [20, 95], pressure: [3.6, 4.4] },
          approved: "m.kowalska",
        }),
    });
    words(`${at}/recipe/name`, publisher, 0, ["bracket-40"], kept);
    words(`${at}/recipe/version`, publisher, 0, ["17"], kept);
    words(`${at}/recipe/author`, publisher, 0, ["m.kowalska"], false);
  };

  const lines: [string, number][] = [
    ["line-1", 96],
    ["line-2", 104],
    ["line-3", 88],
  ];
  for (let n = 4; n <= 9; n++) lines.push([`line-${n}`, n === 9 ? 116 : 118]);
  for (const [line, topics] of lines) {
    const end = made.length + topics;
    const gateway = `${line}-gateway`;
    const first = line === "line-2" ? 4 : 1;
    const machines = Math.floor((topics - 12) / 9);
    for (let m = 0; m < machines; m++) {
      const name = `${m % 5 === 3 ? "robot" : "press"}-${String(first + m).padStart(2, "0")}`;
      // press-04 of line-2 is the reference's own.
      const busy = line === "line-2" && m === 0 ? 250 : 20 + Math.floor(noise(made.length, 3) * 170);
      machine(line, name, line === "line-2" ? `${name}-plc` : `${line}-${name}-plc`, busy, m < 2);
    }
    add({
      path: `factory/${line}/camera/frames`,
      publisher: gateway,
      rate: 12,
      payload: (seq) =>
        Uint8Array.from({ length: 512 }, (_, i) => (i < 4 ? [0xff, 0xd8, 0xff, 0xe0][i]! : noise(seq, i) * 256)),
    });
    for (let n = 1; made.length < end; n++) plain(`factory/${line}/conveyor/encoder-${n}`, gateway, 4, 1200, 40);
  }
  for (let n = 1; n <= 24; n++)
    plain(`factory/energy/meter-${String(n).padStart(2, "0")}`, "energy-gateway", 0.5, 230, 3, "V");

  const rooms = [
    "hall",
    "office",
    "kitchen",
    "workshop",
    "storage",
    "meeting",
    "server-room",
    "entrance",
    "garage",
    "roof",
  ];
  const senses = ["climate", "motion", "door", "light", "plug", "blind", "leak", "smoke"];
  const house = (room: string, sense: string) => (seq: number) =>
    sense === "climate"
      ? JSON.stringify({
          temperature: round(21 + wave(rooms.indexOf(room), seq / 20), 2),
          humidity: 40 + (seq % 9),
          battery: 87,
          linkquality: 121,
          voltage: 2985,
        })
      : JSON.stringify({
          state: noise(seq, 1) < 0.5 ? "ON" : "OFF",
          battery: 60 + (seq % 40),
          linkquality: 90 + (seq % 60),
        });
  for (let n = 0; made.length < 1018 + 172; n++) {
    const room = rooms[n % rooms.length]!;
    const sense = senses[Math.floor(n / rooms.length) % senses.length]!;
    const name = `${room}_${sense}${n >= 80 ? "_2" : ""}`;
    const config = JSON.stringify({
      name,
      unique_id: `nj_${n}`,
      state_topic: `homeassistant/sensor/${name}/state`,
      device: { identifiers: [`dev${n}`], model: "Aq-2" },
    });
    add({
      path: `homeassistant/sensor/${name}/config`,
      publisher: "homeassistant",
      rate: 0,
      retained: true,
      qos: 1,
      payload: () => config,
    });
    if (made.length < 1018 + 172)
      add({
        path: `homeassistant/sensor/${name}/state`,
        publisher: "homeassistant",
        rate: 0.07,
        payload: house(room, sense),
      });
  }
  words("zigbee2mqtt/bridge/state", "zigbee2mqtt", 0, ['"online"']);
  for (let n = 0; made.length < 1018 + 172 + 58; n++) {
    const room = rooms[n % rooms.length]!;
    const sense = senses[Math.floor(n / rooms.length) % senses.length]!;
    add({
      path: `zigbee2mqtt/${room}/${sense}`,
      publisher: "zigbee2mqtt",
      rate: sense === "motion" ? 0.4 : 0.1,
      payload: house(room, sense),
    });
  }
  for (let n = 1; made.length < 1018 + 172 + 58 + 21; n++)
    plain(`shellies/plug-${n}/power`, `shelly-${n}`, 0.1, 60, 55);
  for (const [path, text] of [
    ["büro/überwachung/温度", "21.5"],
    ["büro/überwachung/湿度", "44"],
    ["workshop/toaster/state", "toasting"],
    ["workshop/toaster/slices", "2"],
    ["/leading/slash", "the first level is empty"],
    ["a//b", "a level in the middle is empty"],
    ["workshop/empty-payload", ""],
  ] as const) {
    add({ path, publisher: "toaster", rate: 0.05, payload: () => text });
  }
  for (let n = 1; made.length < 1284; n++) plain(`workshop/bench-${n}/current`, "toaster", 0.5, 1.2, 0.3);
  for (const name of [
    "clients/connected",
    "messages/received",
    "messages/sent",
    "load/bytes/received",
    "load/bytes/sent",
    "uptime",
  ]) {
    plain(`$SYS/broker/${name}`, "$broker", 1, 128, 4);
  }
  if (long) addLong(add);

  let retainedLeft = 342 - made.filter((topic) => topic.retained).length;
  return made.map((making, index) => {
    // The rest of the retained ones are house states, spread out.
    const retained =
      making.retained ?? (retainedLeft > 0 && making.rate < 0.11 && making.rate > 0 && retainedLeft-- > 0);
    return { qos: 0, ...making, retained, index };
  });
}

function addLong(add: (making: Making) => void): void {
  const deep = Array.from({ length: 24 }, (_, i) => `level-${i + 1}-of-a-topic-that-does-not-end`).join("/");
  const wide = "w".repeat(400);
  for (const path of [
    deep,
    `long/${wide}`,
    "long/<img src=x onerror=alert(1)>",
    "long/{{constructor}}/${7*7}",
    "long/ spaces  inside ",
    "long/\u202Ereversed",
  ]) {
    add({
      path,
      publisher: `client-${"x".repeat(200)}`,
      rate: 900,
      retained: true,
      payload: (seq) => `<b>${"long ".repeat(200)}</b>${seq}`,
    });
  }
}

export function kindOf(payload: Bytes): PayloadKind {
  if (typeof payload !== "string") return payload.length === 0 ? "empty" : "binary";
  if (payload === "") return "empty";
  if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(payload)) return "number";
  if (payload === "true" || payload === "false") return "boolean";
  if (/^[[{"]/.test(payload)) {
    try {
      JSON.parse(payload);
      return "json";
    } catch {
      return "text";
    }
  }
  return "text";
}

const encoder = new TextEncoder();
export function sizeOf(payload: Bytes): number {
  return typeof payload === "string" ? encoder.encode(payload).length : payload.length;
}
export function bytesOf(payload: Bytes): Uint8Array {
  return typeof payload === "string" ? encoder.encode(payload) : payload;
}
/** For one line of a list: at most 160 characters, binary as hex. */
export function previewOf(payload: Bytes): string {
  if (typeof payload === "string") return payload.replace(/\s*[\r\n]+\s*/g, " ").slice(0, 160);
  return Array.from(payload.slice(0, 53), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
/** For the tree: JSON objects only by their size. */
export function shortValueOf(payload: Bytes): string {
  if (typeof payload !== "string") return `${payload.length} B`;
  return payload.startsWith("{") ? `{…} ${sizeOf(payload)} B` : payload.slice(0, 60);
}
