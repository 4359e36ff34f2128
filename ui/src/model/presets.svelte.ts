// Messages to publish again: those that were named, and the last ones that were sent. Kept by this window, not by the broker.

import type { OutgoingMessage } from "../host/types/OutgoingMessage";

export interface Preset {
  name: string;
  message: OutgoingMessage;
}

const PRESETS = "nightjar.publish.presets";
const RECENT = "nightjar.publish.recent";
const MOST_RECENT = 12;
const MOST_PRESETS = 100;
/** Characters of base64: what is longer is not kept, since a browser's storage is small. */
const LONGEST = 128 * 1024;

export class Presets {
  presets = $state.raw<readonly Preset[]>([]);
  recent = $state.raw<readonly OutgoingMessage[]>([]);

  #storage: Storage | undefined;

  constructor(storage: Storage | undefined) {
    this.#storage = storage;
    this.presets = read(storage, PRESETS).filter(isPreset);
    this.recent = read(storage, RECENT).filter(isMessage);
  }

  /** Why a message cannot be kept under a name, or undefined. */
  refusal(name: string, message: OutgoingMessage): string | undefined {
    if (name.trim() === "") return "Write a name.";
    if (message.payload.length > LONGEST) return "The payload is too large to be kept as a preset.";
    if (this.presets.length >= MOST_PRESETS && !this.has(name)) return "There are 100 presets; delete one first.";
    return undefined;
  }

  has(name: string): boolean {
    return this.presets.some((preset) => preset.name === name.trim());
  }

  /** Keeps it under the name, instead of what had the name before. Answers whether it could be written. */
  save(name: string, message: OutgoingMessage): boolean {
    const others = this.presets.filter((preset) => preset.name !== name.trim());
    const presets = [...others, { name: name.trim(), message }].sort((a, b) =>
      a.name.localeCompare(b.name, "en", { numeric: true }),
    );
    if (!this.#write(PRESETS, presets)) return false;
    this.presets = presets;
    return true;
  }

  /** Answers what was deleted, for Undo. */
  remove(name: string): Preset | undefined {
    const gone = this.presets.find((preset) => preset.name === name);
    this.presets = this.presets.filter((preset) => preset !== gone);
    this.#write(PRESETS, this.presets);
    return gone;
  }

  remember(message: OutgoingMessage): void {
    if (message.payload.length > LONGEST) return;
    const same = JSON.stringify(message);
    if (this.recent[0] !== undefined && JSON.stringify(this.recent[0]) === same) return;
    this.recent = [message, ...this.recent.filter((other) => JSON.stringify(other) !== same)].slice(0, MOST_RECENT);
    this.#write(RECENT, this.recent);
  }

  forgetRecent(): void {
    this.recent = [];
    this.#write(RECENT, []);
  }

  #write(key: string, value: unknown): boolean {
    try {
      this.#storage?.setItem(key, JSON.stringify(value));
      return this.#storage !== undefined;
    } catch {
      // The storage is full or forbidden.
      return false;
    }
  }
}

// What is stored may come from another version, or from somebody's editor.

function read(storage: Storage | undefined, key: string): unknown[] {
  try {
    const value: unknown = JSON.parse(storage?.getItem(key) ?? "[]");
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function isPreset(value: unknown): value is Preset {
  const preset = value as Preset | null;
  return typeof preset === "object" && preset !== null && typeof preset.name === "string" && isMessage(preset.message);
}

function isMessage(value: unknown): value is OutgoingMessage {
  const message = value as OutgoingMessage | null;
  return (
    typeof message === "object" &&
    message !== null &&
    typeof message.topic === "string" &&
    typeof message.payload === "string" &&
    /^[A-Za-z0-9+/]*={0,2}$/.test(message.payload) &&
    message.payload.length % 4 === 0 &&
    [0, 1, 2].includes(message.qos) &&
    typeof message.retain === "boolean" &&
    typeof message.properties === "object" &&
    message.properties !== null &&
    Array.isArray(message.properties.user_properties)
  );
}
