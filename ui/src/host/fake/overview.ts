// Numbers of the whole broker, and the traffic of a day.

import type { Host } from "../host";
import type { TrafficRange } from "../types/TrafficRange";
import { events } from "./events";
import type { FakeHistory } from "./history";
import { noise, wave } from "./noise";
import type { FakePublisher } from "./publisher";
import { UPTIME_BEFORE } from "./status";
import type { World } from "./world";

const STEPS: Record<TrafficRange, [points: number, step: number]> = {
  one_minute: [60, 1000],
  ten_minutes: [150, 4000],
  one_hour: [180, 20_000],
  one_day: [288, 300_000],
};

export function overviewCommands(
  world: World,
  history: FakeHistory,
  publisher: FakePublisher,
  options: URLSearchParams,
): Pick<Host, "vitals" | "overview" | "traffic"> {
  const { empty } = world;
  const paused = options.get("journal") === "paused" ? "The disk is full" : null;

  /** All topics together, at a moment: the same curve for the numbers and the chart. */
  function flow(at: number): { messagesIn: number; messagesOut: number } {
    if (empty) return { messagesIn: 0, messagesOut: 0 };
    const minutes = at / 60_000;
    const jitter = (seed: number) => (noise(seed, Math.floor(at / 1000)) - 0.5) * 0.03;
    return {
      messagesIn: 12_418 * (1 + 0.08 * wave(1, minutes / 3) + 0.04 * wave(2, minutes * 6) + jitter(21)),
      messagesOut: 31_052 * (1 + 0.1 * wave(3, minutes / 4) + 0.05 * wave(4, minutes * 5) + jitter(22)),
    };
  }

  function columns(points: number, step: number) {
    const last = Math.floor(world.now() / step) * step;
    const at = Array.from({ length: points }, (_, i) => last - (points - 1 - i) * step);
    const flows = at.map(flow);
    return {
      at,
      messages_in: flows.map(({ messagesIn }) => messagesIn),
      messages_out: flows.map(({ messagesOut }) => messagesOut),
      bytes: flows.map(({ messagesIn, messagesOut }) => messagesIn * 104 + messagesOut * 106),
      clients: at.map((moment) => (empty ? 0 : Math.round(126 + 3 * wave(6, moment / 20_000)))),
      dropped: at.map(() => 0),
    };
  }

  function busiest<T>(all: readonly T[], name: (one: T) => string, rate: (one: T) => number) {
    const sorted = [...all].sort((a, b) => rate(b) - rate(a));
    return sorted.slice(0, 5).map((one) => ({ name: name(one), rate: rate(one) }));
  }

  return {
    async vitals() {
      const now = world.now();
      const { messagesIn, messagesOut } = flow(now);
      const messages = history.newest + world.sent.length;
      return {
        clients: world.connected,
        topics: world.topics.length,
        retained: world.retained.size,
        messages_in: messagesIn,
        messages_out: messagesOut,
        bytes_in: messagesIn * 104,
        bytes_out: messagesOut * 106,
        dropped: empty ? 0 : 17,
        dropped_by_reason: empty ? [] : [{ reason: "queue full", count: 17 }],
        history_messages: messages,
        history_bytes: messages * 665,
        journal_backlog: empty ? 0 : Math.floor(600 + 400 * noise(8, Math.floor(now / 250))),
        journal_paused: paused,
        now,
        uptime_seconds: (empty ? 12 : UPTIME_BEFORE) + world.seconds,
      };
    },

    async traffic(range) {
      const { at, messages_in, messages_out } = columns(...STEPS[range]);
      return { at, messages_in, messages_out, recent: columns(60, 1000) };
    },

    async overview() {
      const window = publisher.options.client_id;
      const senders = world.clients.filter(({ name, rateIn }) => name !== window && rateIn > 0);
      return {
        joined_5_min: empty ? 0 : 4,
        left_5_min: empty ? 0 : 1,
        peak_in: empty ? 0 : 14_902,
        busiest_topics: busiest(
          world.topics,
          (topic) => topic.path,
          (topic) => topic.rate,
        ),
        busiest_clients: busiest(
          senders,
          (client) => client.name,
          (client) => client.rateIn,
        ),
        events: empty ? [] : events(world.now(), world.started).slice(0, 20),
      };
    },
  };
}
