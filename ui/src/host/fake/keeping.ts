// What is kept for how long: rules that are remembered, and numbers that follow from them.

import { matches } from "../../lib/topicfilter";
import type { Host } from "../host";
import type { Keeping } from "../types/Keeping";
import type { KeepingBounds } from "../types/KeepingBounds";
import type { KeepingForecast } from "../types/KeepingForecast";
import type { KeepingRules } from "../types/KeepingRules";
import { fault } from "./fault";
import type { World } from "./world";

type Commands = Pick<Host, "keeping" | "keepingForecast" | "setKeeping">;

const DAY = 86_400_000;
const BYTES = 1_400_000_000;
const MESSAGES = 2_104_318;
/** The history goes back three days. */
const SPAN = 3 * DAY;
/** While messages are deleted. */
const DELETING = 3000;

const all = (bounds: Partial<KeepingBounds>): KeepingBounds => ({
  nothing: false,
  age: null,
  messages: null,
  bytes: null,
  ...bounds,
});

export function keepingCommands(world: World, options: URLSearchParams): Commands {
  let rules: KeepingRules = {
    rules: [],
    otherwise: all({ age: 30 * DAY }),
    file: 10_000_000_000,
    events: 365 * DAY,
  };
  if (options.get("rules") === "many") rules.rules = many(options.has("long"));
  let messages = world.empty ? 0 : MESSAGES;
  let deleted: { from: number; messages: number } | undefined;

  function state(): Keeping {
    const share = deleted ? Math.min(1, (world.now() - deleted.from) / DELETING) : 0;
    const deleting = deleted !== undefined && share < 1;
    const left = messages - (deleted ? Math.floor(deleted.messages * share) : 0);
    return {
      rules,
      messages: left,
      bytes: world.empty ? 98_304 : Math.round((BYTES * left) / MESSAGES),
      oldest: left === 0 ? null : world.now() - SPAN,
      in_memory: options.has("memory"),
      deleting,
      deleted: deleted ? Math.floor(deleted.messages * share) : 0,
      deleted_at: deleted && !deleting ? deleted.from + DELETING : null,
      failed: null,
    };
  }

  function forecast({ rules, otherwise, file }: KeepingRules): KeepingForecast {
    const topics = world.empty ? [] : world.topics;
    const weight = topics.reduce((sum, { rate }) => sum + Math.sqrt(rate) + 0.05, 0);
    const sums = [...rules.map(({ keep }) => keep), otherwise].map((keep) => ({
      keep,
      topics: 0,
      messages: 0,
      lost: 0,
    }));
    for (const { path, rate } of topics) {
      const rule = rules.findIndex(({ filter }) => matches(filter, path));
      const sum = sums[rule < 0 ? rules.length : rule]!;
      const own = Math.round((MESSAGES * (Math.sqrt(rate) + 0.05)) / weight);
      const old = sum.keep.age === null ? 0 : own * Math.max(0, 1 - sum.keep.age / SPAN);
      const many = sum.keep.messages === null ? 0 : Math.max(0, own - sum.keep.messages);
      sum.topics += 1;
      sum.messages += own;
      sum.lost += sum.keep.nothing ? own : Math.round(Math.max(old, many));
    }
    const left = MESSAGES - sums.reduce((sum, { lost }) => sum + lost, 0);
    const bytes = (BYTES * left) / MESSAGES;
    return {
      rules: sums.map(({ keep, ...sum }) => ({
        ...sum,
        maybe_more: !keep.nothing && keep.bytes !== null && sum.messages > 0,
      })),
      beyond_file: world.empty || file === null || bytes <= file ? 0 : Math.round(left * (1 - file / bytes)),
    };
  }

  return {
    async keeping() {
      return state();
    },
    async keepingForecast(wanted) {
      return forecast(wanted);
    },
    async setKeeping(wanted) {
      if (options.has("wrongfile")) {
        throw fault(
          "The rules were not changed",
          "/home/anna/.local/share/nightjar/nightjar.toml, line 3: port can't be 70000",
          "Write a whole number from 1 to 65535 (default 1883)",
        );
      }
      const { rules: lost, beyond_file } = forecast(wanted);
      messages = state().messages;
      const gone = lost.reduce((sum, rule) => sum + rule.lost, 0) + beyond_file;
      if (gone > 0) deleted = { from: world.now(), messages: Math.min(messages, gone) };
      rules = wanted;
      return state();
    },
  };
}

function many(long: boolean): KeepingRules["rules"] {
  const rules = [
    { filter: "factory/+/camera/#", keep: all({ nothing: true }) },
    { filter: "factory/line-2/#", keep: all({ age: 7 * DAY }) },
    { filter: "factory/+/+/vibration", keep: all({ age: DAY, messages: 100_000 }) },
    { filter: "factory/#", keep: all({ age: 14 * DAY, bytes: 2_000_000_000 }) },
    { filter: "homeassistant/#", keep: all({ messages: 1000 }) },
    { filter: "homeassistant/sensor/#", keep: all({ age: 2 * DAY }) },
    { filter: "zigbee2mqtt/+/+", keep: all({}) },
    { filter: "shellies/+/announce", keep: all({ messages: 1 }) },
    { filter: "energy/meter/+/pulse", keep: all({ age: 36 * 3_600_000 }) },
  ];
  if (long) rules.unshift({ filter: `${"a-very-long-level-of-a-topic/".repeat(12)}#`, keep: all({ age: DAY }) });
  return rules;
}
