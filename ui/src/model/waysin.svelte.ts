// The ways in beside plain MQTT: which are open, and opening and closing them.

import { asFault } from "../host/fault";
import type { Fault } from "../host/types/Fault";
import type { Listener } from "../host/types/Listener";
import type { Running } from "../host/types/Running";
import type { WayIn } from "../host/types/WayIn";
import type { App } from "./app.svelte";

export const waysIn: readonly { kind: WayIn; label: string; port: number; title: string }[] = [
  { kind: "tls", label: "TLS", port: 8883, title: "MQTT over TLS: nobody on the way reads along" },
  { kind: "web_socket", label: "WebSocket", port: 8083, title: "For web pages in a browser" },
  { kind: "web_socket_tls", label: "WebSocket over TLS", port: 8084, title: "For web pages that came over HTTPS" },
];

/** Of a kind, the listener that works; else one that does not. */
export function listenerOf(running: Running, kind: WayIn): Listener | undefined {
  const all = running.listeners.filter((listener) => listener.way === kind);
  return all.find((listener) => listener.fault === null) ?? all[0];
}

export class WaysIn {
  busy = $state.raw<WayIn | undefined>(undefined);
  fault = $state.raw<Fault | undefined>(undefined);
  #app: App;

  constructor(app: App) {
    this.#app = app;
  }

  set = async (kind: WayIn, open: boolean): Promise<void> => {
    if (this.busy) return;
    this.busy = kind;
    this.fault = undefined;
    try {
      this.#app.status.data = await this.#app.host.setWayIn(kind, open);
    } catch (error) {
      this.fault = asFault(error);
    } finally {
      this.busy = undefined;
    }
  };
}
