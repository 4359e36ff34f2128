// Listeners, made up. A port that one of them has is taken for the others.

import type { Host } from "../host";
import type { ListenerDraft } from "../types/ListenerDraft";
import type { ListenerRow } from "../types/ListenerRow";
import { fault } from "./fault";
import type { World } from "./world";

type Commands = Pick<Host, "listenerRows" | "setPort" | "addListener" | "changeListener" | "removeListener">;

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

  let main = 1883;
  /** `at`: the place of the listener itself, "main" for that of plain MQTT. */
  const check = (what: string, port: number, at?: number | "main") => {
    if ((at !== "main" && port === main) || tables.some((table, i) => i !== at && table.draft.port === port))
      throw fault(
        what,
        `Another program, perhaps another MQTT broker, uses port ${port}`,
        `Stop that program, or choose another port than ${port}`,
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
      const first: ListenerRow = {
        kind: "tcp",
        source: { from: "port", port: main, fixed: options.has("fixedport") },
        clients: world.connected,
        sockets: sockets(of("tcp", main), null),
      };
      return [first, ...rows];
    },
    async setPort(_, port) {
      check("The port was not changed", port, "main");
      main = port;
    },
    async addListener(listener) {
      check("The listener was not opened", listener.port);
      tables.push({ draft: listener, clients: 0, fault: null });
    },
    async changeListener(place, _, listener) {
      check("The listener was not changed", listener.port, place);
      tables[place] = { draft: listener, clients: tables[place]?.clients ?? 0, fault: null };
    },
    async removeListener(place) {
      tables.splice(place, 1);
    },
  };
}
