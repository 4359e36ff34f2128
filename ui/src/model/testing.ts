// For tests of models: what they need from a browser and an app, and a host that answers what the test says.

import { vi } from "vitest";
import type { Host } from "../host/host";
import type { MessageDetail } from "../host/types/MessageDetail";
import type { MessageRow } from "../host/types/MessageRow";

/** Feeds look at whether the window is hidden. Timers are fake: nothing happens unless the test lets time pass. */
export function stage(): void {
  vi.useFakeTimers();
  vi.stubGlobal("document", { hidden: false, addEventListener() {}, removeEventListener() {} });
}

export function hostOf(commands: Partial<Host>): Host {
  return new Proxy({} as Host, {
    get: (_, name: keyof Host) =>
      commands[name] ?? (() => Promise.reject(new Error(`The test has no answer to ${String(name)}`))),
  });
}

export function messageRow(id: number, more: Partial<MessageRow> = {}): MessageRow {
  return {
    id,
    at: 1_000_000 + id * 1000,
    topic: "a/b",
    publisher: "meter",
    qos: 0,
    retain: false,
    preview: String(id),
    kind: "number",
    size: 1,
    ...more,
  };
}

export function messageDetail(id: number): MessageDetail {
  return {
    row: messageRow(id),
    payload: { text: String(id), base64: btoa(String(id)), size: 1, truncated: false },
    previous: null,
    properties: {
      payload_is_text: null,
      message_expiry_interval: null,
      content_type: null,
      response_topic: null,
      correlation_data: null,
      user_properties: [],
    },
    matched: 1,
    publisher_version: "5.0",
  };
}
