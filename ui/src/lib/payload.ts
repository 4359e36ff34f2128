// Payloads on their way between Rust (base64), bytes and text. A payload may be a megabyte, so each form is made once,
// when it is asked for, and lives as long as the payload does.

import type { Payload } from "../host/types/Payload";
import { isContainer, parseJson, type Json } from "./json";

export type PayloadForm = "json" | "text" | "hex";

export function decodeBase64(base64: string): Uint8Array {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

export function encodeBase64(bytes: Uint8Array): string {
  // `fromCharCode` takes its bytes as arguments, and an engine's limit on those is about 64 Ki.
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += 0x6000) parts.push(String.fromCharCode(...bytes.subarray(i, i + 0x6000)));
  return btoa(parts.join(""));
}

export function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The text of bytes that are UTF-8, else null. */
export function decodeText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

export function base64OfText(text: string): string {
  return encodeBase64(encodeText(text));
}

export function textOfBase64(base64: string): string | null {
  return decodeText(decodeBase64(base64));
}

/** A payload built in the window, for parts that take one. */
export function payloadOf(bytes: Uint8Array): Payload {
  return { text: decodeText(bytes), base64: encodeBase64(bytes), size: bytes.length, truncated: false };
}

const decoded = new WeakMap<Payload, Uint8Array>();
const parsed = new WeakMap<Payload, { json: Json | null }>();

export function bytesOf(payload: Payload): Uint8Array {
  let bytes = decoded.get(payload);
  if (bytes === undefined) {
    bytes = decodeBase64(payload.base64);
    decoded.set(payload, bytes);
  }
  return bytes;
}

/** The payload as JSON where its text is an object or an array. */
export function jsonOf(payload: Payload): Json | null {
  let entry = parsed.get(payload);
  if (entry === undefined) {
    // A text that cannot be JSON must not cost a parser's run over a megabyte.
    const text = payload.text;
    const json = text !== null && !payload.truncated && /^\s*[[{]/.test(text) ? parseJson(text) : null;
    entry = { json: isContainer(json) ? json : null };
    parsed.set(payload, entry);
  }
  return entry.json;
}

/** The forms that a payload can be shown in, the most telling first. */
export function formsOf(payload: Payload): PayloadForm[] {
  if (payload.text === null) return ["hex"];
  return jsonOf(payload) !== null ? ["json", "text", "hex"] : ["text", "hex"];
}
