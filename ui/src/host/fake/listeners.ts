// Listeners, made up: those that nightjar.toml adds can be changed. Port 1883 is taken, as it is wherever there is one already.

import type { Host } from "../host";
import type { ListenerDraft } from "../types/ListenerDraft";
import type { ListenerRow } from "../types/ListenerRow";
import { fault } from "./fault";
import type { World } from "./world";

type Commands = Pick<Host, "listenerRows" | "addListener" | "changeListener" | "removeListener">;

export function listenerCommands(world: World, options: URLSearchParams): Commands {
  const tables: { draft: ListenerDraft; clients: number; fault: string | null }[] = [];
  const of = (kind: ListenerDraft["kind"], port: number, more: Partial<ListenerDraft> = {}): ListenerDraft => {
    return { kind, address: null, port, access: null, certificate: null, key: null, ...more };
  };
  if (options.has("security")) {
    tables.push({ draft: of("tls", 8883), clients: 4, fault: null });
    tables.push({ draft: of("web_socket", 9001), clients: 1, fault: null });
    const taken = "another program, perhaps another MQTT broker, uses port 1883";
    tables.push({ draft: of("tcp", 1883, { address: "10.8.0.3" }), clients: 0, fault: taken });
  }
  const local = options.get("access") === "this_computer" || world.empty;
  const sockets = ({ address, port, access }: ListenerDraft, fault: string | null) => {
    const everywhere = access === null ? !local : access !== "this_computer";
    const hosts = address !== null ? [address] : everywhere ? ["0.0.0.0", "[::]"] : ["127.0.0.1", "[::1]"];
    return hosts.map((host) => ({ address: `${host}:${port}`, fault }));
  };

  const check = (what: string, draft: ListenerDraft, at?: number) => {
    const isTaken = ({ port }: ListenerDraft, i: number) => i !== at && port === draft.port;
    if (draft.port === 1883 || tables.some((table, i) => isTaken(table.draft, i)))
      throw fault(
        what,
        `Another program, perhaps another MQTT broker, uses port ${draft.port}`,
        `Stop that program, or choose another port than ${draft.port}`,
      );
  };

  return {
    async listenerRows() {
      const rows: ListenerRow[] = tables.map(({ draft, clients, fault }, place) => ({
        kind: draft.kind,
        source: { from: "table", place, written: { ...draft } },
        clients,
        sockets: sockets(draft, fault),
      }));
      const main = of("tcp", 1883);
      return [
        { kind: "tcp", source: { from: "port" }, clients: world.connected, sockets: sockets(main, null) },
        ...rows,
      ];
    },
    async addListener(listener) {
      check("The listener was not opened", listener);
      tables.push({ draft: listener, clients: 0, fault: null });
    },
    async changeListener(place, _, listener) {
      check("The listener was not changed", listener, place);
      tables[place] = { draft: listener, clients: tables[place]?.clients ?? 0, fault: null };
    },
    async removeListener(place) {
      tables.splice(place, 1);
    },
  };
}
