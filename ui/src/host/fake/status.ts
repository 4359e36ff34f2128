// Whether the broker runs, who may connect to it, and what the user likes.

import type { Host } from "../host";
import type { Access } from "../types/Access";
import type { Density } from "../types/Density";
import type { Listener } from "../types/Listener";
import type { Preferences } from "../types/Preferences";
import type { Status } from "../types/Status";
import type { Theme } from "../types/Theme";
import type { WayIn } from "../types/WayIn";
import { fault } from "./fault";
import type { World } from "./world";

const VERSION = "0.1.0";
export const UPTIME_BEFORE = 3 * 86_400 + 4 * 3600;

const WAYS: Record<WayIn, { name: string; port: number; path: string | null }> = {
  tls: { name: "TLS", port: 8883, path: null },
  web_socket: { name: "WebSocket", port: 8083, path: "/mqtt" },
  web_socket_tls: { name: "WebSocket over TLS", port: 8084, path: "/mqtt" },
};

type Commands = Pick<Host, "status" | "retryStart" | "setAccess" | "setWayIn" | "preferences" | "setPreferences">;

export function statusCommands(world: World, options: URLSearchParams): Commands {
  let preferences: Preferences = {
    theme: (options.get("theme") as Theme | null) ?? "system",
    density: (options.get("density") as Density | null) ?? "normal",
  };
  let everConnected = !world.empty;
  let ways = options.getAll("way") as WayIn[];
  let current = running(
    (options.get("access") as Access | null) ?? (world.empty ? "this_computer" : "anyone"),
    options.getAll("notice"),
  );
  if (options.get("state") === "starting") current = { state: "starting" };
  if (options.get("state") === "failed") {
    current = {
      state: "failed",
      fault: fault(
        "The broker cannot listen on port 1883",
        "Another program uses it: mosquitto (process 812).",
        "Stop that program, or set another port in nightjar.toml, and try again.",
      ),
    };
  }

  function running(access: Access, notices: string[]): Status {
    const every = access !== "this_computer" ? "0.0.0.0" : "127.0.0.1";
    const address = access !== "this_computer" ? "192.168.1.20" : "127.0.0.1";
    return {
      state: "running",
      access,
      listeners: [
        {
          name: "MQTT",
          way: null,
          address: `${every}:1883`,
          port: 1883,
          path: null,
          clients: world.connected,
          fault: null,
        },
        ...ways.map((way) => ({ ...WAYS[way], way, address: `${every}:${WAYS[way].port}`, clients: 0, fault: null })),
        ...(options.has("security") ? otherListeners() : []),
      ],
      authority: ways.some((way) => way !== "web_socket"),
      open_ports: [...(access === "anyone" ? [1883] : []), ...options.getAll("open").map(Number)],
      address,
      port: 1883,
      url: `mqtt://${address}:1883`,
      other_addresses: access !== "this_computer" ? ["10.8.0.3", "fd00::1f:20"] : [],
      data_directory: "/home/anna/.local/share/nightjar",
      version: VERSION,
      ever_connected: everConnected,
      notices,
      started_at: world.started - UPTIME_BEFORE * 1000,
    };
  }

  /** Those that nightjar.toml adds. */
  function otherListeners(): Listener[] {
    return [
      { name: "MQTT over TLS", way: "tls", address: "0.0.0.0:8883", port: 8883, path: null, clients: 4, fault: null },
      {
        name: "WebSocket",
        way: "web_socket",
        address: "0.0.0.0:9001",
        port: 9001,
        path: "/desk",
        clients: 1,
        fault: null,
      },
      {
        name: "MQTT",
        way: null,
        address: "10.8.0.3:1883",
        port: 1883,
        path: null,
        clients: 0,
        fault: "another program uses port 1883",
      },
    ];
  }

  async function status(): Promise<Status> {
    if (current.state !== "running") return current;
    const [main, ...others] = current.listeners;
    const listeners = [{ ...main!, clients: world.connected }, ...others];
    everConnected ||= world.connected > 0;
    return { ...current, listeners, ever_connected: everConnected };
  }

  return {
    status,
    async retryStart() {
      return (current = running("this_computer", []));
    },
    async setAccess(access) {
      if (current.state === "running") current = running(access, current.notices);
      return status();
    },
    async setWayIn(kind, open) {
      if (open && options.get("taken") === String(WAYS[kind].port)) {
        throw fault(
          `Nightjar can't listen on 0.0.0.0:${WAYS[kind].port}`,
          "Another program uses it",
          "Stop that program, or set another port in nightjar.toml",
        );
      }
      ways = open ? [...ways, kind] : ways.filter((way) => way !== kind);
      if (current.state === "running") current = running(current.access, current.notices);
      return status();
    },
    async preferences() {
      return preferences;
    },
    async setPreferences(wanted) {
      preferences = wanted;
    },
  };
}
