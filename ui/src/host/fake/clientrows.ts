// Clients, in rows and from close by.

import type { Host } from "../host";
import type { ClientQuery } from "../types/ClientQuery";
import type { ClientRow } from "../types/ClientRow";
import { rowOf } from "./clients";
import { events } from "./events";
import { fault } from "./fault";
import type { FakePublisher } from "./publisher";
import type { World } from "./world";

type Commands = Pick<Host, "clientRows" | "clientDetail" | "disconnectClient">;

export function clientCommands(world: World, publisher: FakePublisher): Commands {
  return {
    async clientRows(query) {
      const now = world.now();
      const text = query.filter.toLowerCase();
      const rows = world.clients
        .map((client) => rowOf(client, now))
        .filter((row) => !query.only_connected || row.connected)
        .filter((row) =>
          [row.client, row.user_name ?? "", row.address].some((field) => field.toLowerCase().includes(text)),
        );
      const by: Record<ClientQuery["sort"], (a: ClientRow, b: ClientRow) => number> = {
        name: (a, b) => a.client.localeCompare(b.client, "en", { numeric: true }),
        state: (a, b) => Number(b.connected) - Number(a.connected),
        // By what does not wobble, so that rows stay where they are.
        rate_in: (a, b) => world.client(a.client).rateIn - world.client(b.client).rateIn,
        rate_out: (a, b) => world.client(a.client).rateOut - world.client(b.client).rateOut,
        queue: (a, b) => a.queued - b.queued,
        since: (a, b) => a.since - b.since,
        address: (a, b) => a.address.localeCompare(b.address, "en", { numeric: true }),
      };
      rows.sort((a, b) => (query.descending ? -1 : 1) * by[query.sort](a, b) || by.name(a, b));
      return {
        total: rows.length,
        connected: world.connected,
        away: world.clients.length - world.connected,
        first: query.first,
        rows: rows.slice(query.first, query.first + query.count),
      };
    },

    async clientDetail(name) {
      const client = world.client(name);
      const plc = name.endsWith("-plc");
      const connected = {
        id: client.index + 1,
        at: client.since,
        kind: "connected" as const,
        client: name,
        text: `${name} connected`,
        detail: `from ${client.address}, MQTT ${client.version}`,
      };
      return {
        row: rowOf(client, world.now()),
        keep_alive: 60,
        clean_start: !plc,
        session_expiry_interval: plc ? 86_400 : 0,
        receive_maximum: 20,
        will: plc ? { topic: `factory/status/${name}`, preview: "offline", qos: 1, retain: true, delay: 5 } : null,
        last_disconnect: client.lastDisconnect,
        subscriptions: client.subscriptions,
        timeline: [...events(world.now(), world.started, name), connected].slice(0, 100),
      };
    },

    async disconnectClient(name) {
      const client = world.client(name);
      if (!client.connected) throw fault("The client was not disconnected", "It is not connected", "");
      client.connected = false;
      client.since = world.now();
      client.lastDisconnect = "Administrative action (0x98): disconnected in the window";
      if (client.isWindow)
        publisher.state = {
          state: "failed",
          why: "The broker closed the connection: Administrative action (0x98)",
        };
    },
  };
}
