// What the fake broker says about itself: some of it from before the window opened, and more while one looks.

import type { Host } from "../host";
import type { LogField } from "../types/LogField";
import type { LogLevel } from "../types/LogLevel";
import type { LogRow } from "../types/LogRow";
import { fault } from "./fault";
import type { World } from "./world";

type Commands = Pick<Host, "logRows" | "setLogLevel" | "openDataDirectory">;

const LEVELS: readonly LogLevel[] = ["error", "warn", "info", "debug", "trace"];
/** What is kept in memory. */
const KEPT = 10_000;
const EVERY = 1500;

const CYCLE: [LogLevel, string, string | null, string, LogField[]][] = [
  ["info", "nightjar_broker::shared", "hall-tablet", "connected: from 192.168.1.44:50411, MQTT 5.0", []],
  ["info", "nightjar_broker::shared", "hall-tablet", "subscribed: home/hall/#, QoS 1", []],
  ["debug", "nightjar_store::checkpoint", null, "the log was moved to the database", [field("pages", "1204")]],
  ["warn", "nightjar_broker::connection", "press-11-plc", "a packet larger than the client allows was not sent", []],
  [
    "info",
    "nightjar_broker::shared",
    "press-11-plc",
    "lost: Keep Alive timeout (0x8D): nothing was heard for 90 s",
    [],
  ],
  [
    "info",
    "nightjar_broker::shared",
    "meter-9",
    "refused: from 192.168.1.31:49662: Bad user name or password (0x86)",
    [],
  ],
  ["error", "nightjar_store::writer", null, "the journal is paused", [field("reason", "the disk is full")]],
  ["info", "nightjar_store::writer", null, "the journal goes on", []],
  ["debug", "nightjar_broker::listener", null, "TCP_NODELAY could not be set", [field("error", "Invalid argument")]],
  ["info", "nightjar_broker::shared", "grafana-bridge", "disconnected: Normal disconnection (0x00)", []],
  ["trace", "nightjar_store::queue", null, "a batch of 412 records", []],
  [
    "warn",
    "nightjar_server::doors",
    null,
    "the certificate of the TLS listeners was not renewed: the clock is wrong",
    [],
  ],
];

function field(name: string, value: string): LogField {
  return { name, value };
}

export function logCommands(world: World, options: URLSearchParams): Commands {
  let level: LogLevel = "info";
  const before = world.empty ? 0 : options.get("logs") === "many" ? 48_213 : 640;
  /** Since when the level holds: what was not recorded then stays so. */
  let recorded: { from: number; level: LogLevel }[] = [{ from: 0, level: "trace" }];
  if (!options.has("logs")) recorded = [{ from: 0, level: "info" }];
  const newest = () => before + Math.floor((world.now() - world.started) / EVERY);

  function record(id: number): LogRow {
    const [level, target, client, text, fields] = CYCLE[id % CYCLE.length]!;
    const at = world.started + (id - before) * EVERY;
    const name = options.has("long") && client !== null ? `${client}-${"of-the-north-wing-".repeat(9)}` : client;
    const said = options.has("long") ? `${text} ${"and so on and so forth, ".repeat(12)}` : text;
    const parts = [name === null ? "" : ` client=${name}`, ...fields.map(({ name, value }) => ` ${name}="${value}"`)];
    const line = `${new Date(at).toISOString()} ${level.toUpperCase().padStart(5)} ${target}: ${said}${parts.join("")}`;
    return { id, at, level, target, client: name, text: said, fields, line };
  }

  const known = (id: number): LogRow | undefined => {
    const row = record(id);
    const then = recorded.findLast(({ from }) => id >= from)!;
    return LEVELS.indexOf(row.level) <= LEVELS.indexOf(then.level) ? row : undefined;
  };

  return {
    async logRows({ level: shown, text, up_to, first, count }) {
      const end = newest();
      const begin = Math.max(1, end - KEPT + 1);
      const lower = text.toLowerCase();
      const rows: LogRow[] = [];
      let newer = 0;
      for (let id = end; id >= begin; id -= 1) {
        const row = known(id);
        if (!row || (shown !== null && LEVELS.indexOf(row.level) > LEVELS.indexOf(shown))) continue;
        if (lower !== "" && !row.line.toLowerCase().includes(lower)) continue;
        if (up_to !== null && id > up_to) newer += 1;
        else rows.push(row);
      }
      return {
        total: rows.length,
        first,
        rows: rows.slice(first, first + count),
        newer,
        newest: end,
        forgotten: begin - 1,
        level,
        file: options.has("nologfile")
          ? null
          : {
              path: "/home/anna/.local/share/nightjar/nightjar.log",
              fault: options.has("logfault") ? "No space left on device" : null,
              lost: options.has("logfault") ? 31 : 0,
            },
      };
    },
    async setLogLevel(wanted) {
      level = wanted;
      recorded.push({ from: newest() + 1, level });
      if (options.has("wrongfile")) {
        throw fault(
          "The level holds, but was not remembered",
          "/home/anna/.local/share/nightjar/nightjar.toml, line 3: port can't be 70000",
          "Write a whole number from 1 to 65535; until Nightjar is closed it holds all the same",
        );
      }
    },
    async openDataDirectory() {
      if (options.has("nochooser"))
        throw fault("The folder was not opened", "There is no xdg-open", "Open /home/anna/.local/share/nightjar");
    },
  };
}
