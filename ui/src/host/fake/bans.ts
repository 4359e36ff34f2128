// Who is kept out, made up. A ban here disconnects whom it means, as the real one does.

import type { Host } from "../host";
import type { BanDraft } from "../types/BanDraft";
import type { BanRow } from "../types/BanRow";
import type { Client } from "./clients";
import { fault } from "./fault";
import type { World } from "./world";

type Commands = Pick<Host, "banRows" | "banImpact" | "ban" | "liftBan">;

const DAY = 86_400_000;
const ADDRESS = /^\d{1,3}(\.\d{1,3}){3}(\/\d{1,2})?$|^[0-9a-f:]*:[0-9a-f:]*(\/\d{1,3})?$/i;

export function banCommands(world: World, options: URLSearchParams): Commands {
  const many = options.get("security") === "many";
  let rows = options.has("security") ? makeBans(world, many, options.has("long")) : [];
  let next = rows.length + 1;

  const wrong = ({ kind, who }: BanDraft): string | null => {
    if (kind === "address")
      return ADDRESS.test(who)
        ? null
        : "An address is written as 192.168.1.7, 192.168.1.0/24, fe80::1 or 2001:db8::/32";
    return who === "" ? "A client identifier or user name has 1 to 65535 bytes" : null;
  };
  const means = ({ kind, who }: BanDraft, client: Client) => {
    if (kind === "client") return client.name === who;
    if (kind === "user") return client.userName === who;
    const [address, bits] = who.split("/");
    // Whole bytes are enough for what tests ask.
    const start =
      bits === undefined
        ? `${address}:`
        : address!
            .split(".")
            .slice(0, Number(bits) / 8)
            .join(".");
    return client.address.startsWith(start);
  };
  const meant = (draft: BanDraft) => world.clients.filter((client) => client.connected && means(draft, client));

  return {
    async banRows({ filter, first, count }) {
      const now = world.now();
      rows = rows.filter(({ until }) => until === null || until > now);
      const text = filter.toLowerCase();
      const found = rows.filter(({ who, note }) => [who, note].some((part) => part.toLowerCase().includes(text)));
      found.sort((a, b) => b.number - a.number);
      return { total: found.length, all: rows.length, first, rows: found.slice(first, first + count) };
    },
    async banImpact(draft) {
      const error = wrong(draft);
      const clients = error === null ? meant(draft) : [];
      return {
        error,
        connected: world.connected,
        clients: clients.length,
        named: clients.slice(0, 5).map(({ name }) => name),
        this_computer: draft.kind === "address" && draft.who.startsWith("127."),
      };
    },
    async ban(draft) {
      const error = wrong(draft);
      if (error !== null) throw fault("Nobody was banned", error, "Correct it, and try again");
      const now = world.now();
      for (const client of meant(draft)) {
        client.connected = false;
        client.since = now;
        client.lastDisconnect = "Banned (0x8A)";
      }
      const { kind, who, seconds, note } = draft;
      const until = seconds === null ? null : now + seconds * 1000;
      rows = rows.filter((row) => row.kind !== kind || row.who !== who);
      rows.push({ number: next, kind, who, since: now, until, note });
      return next++;
    },
    async liftBan(number) {
      if (!rows.some((row) => row.number === number))
        throw fault("The ban was not lifted", `There is no ban ${number}`, "Look at the list again");
      rows = rows.filter((row) => row.number !== number);
    },
  };
}

function makeBans(world: World, many: boolean, long: boolean): BanRow[] {
  const rows: Omit<BanRow, "number">[] = [
    { kind: "address", who: "10.66.0.0/16", since: world.started - 40 * DAY, until: null, note: "scans every night" },
    {
      kind: "client",
      who: "press-99-plc",
      since: world.started - 0.2 * DAY,
      until: world.started + 1.8 * DAY,
      note: "connects in a loop; Jo looks at it",
    },
    { kind: "user", who: "guest", since: world.started - 3 * DAY, until: null, note: "" },
  ];
  if (long)
    rows.push({
      kind: "client",
      who: `a-device-${"with-a-name-without-end-".repeat(8)}`,
      since: world.started - DAY,
      until: world.started + 300 * DAY,
      note: "a note that goes on and on ".repeat(12),
    });
  if (many)
    for (let n = 1; n <= 4000; n++)
      rows.push({
        kind: "address",
        who: `172.16.${n >> 8}.${n & 255}`,
        since: world.started - n * 60_000,
        until: world.started + n * DAY,
        note: "",
      });
  return rows.map((row, i) => ({ number: i + 1, ...row }));
}
