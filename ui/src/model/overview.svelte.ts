// What Overview asks for, and which of the broker's notices the user has put away.

import { Feed } from "../host/feed.svelte";
import type { Overview as Answer } from "../host/types/Overview";
import type { Traffic } from "../host/types/Traffic";
import type { TrafficRange } from "../host/types/TrafficRange";
import { hourMinute, timeToSecond } from "../lib/format";
import type { App } from "./app.svelte";

/** `span`: milliseconds. */
export const ranges: readonly { value: TrafficRange; label: string; title: string; span: number }[] = [
  { value: "one_minute", label: "1 min", title: "The last minute", span: 60_000 },
  { value: "ten_minutes", label: "10 min", title: "The last 10 minutes", span: 600_000 },
  { value: "one_hour", label: "1 h", title: "The last hour", span: 3_600_000 },
  { value: "one_day", label: "24 h", title: "The last 24 hours", span: 86_400_000 },
];

/** The charts have a new point a second at the most. */
const TRAFFIC_PERIOD = 1000;

export class Overview {
  range = $state<TrafficRange>("ten_minutes");
  readonly feed: Feed<Answer>;
  readonly traffic: Feed<Traffic>;
  #dismissed = $state.raw<ReadonlySet<string>>(new Set());
  #app: App;

  constructor(app: App) {
    this.#app = app;
    this.feed = new Feed(app, () => app.host.overview());
    this.traffic = new Feed(app, () => app.host.traffic(this.range), TRAFFIC_PERIOD);
  }

  pickRange = (range: TrafficRange): void => {
    this.range = range;
    this.traffic.refresh();
  };

  /** How times are written below the chart. */
  get time(): (ms: number) => string {
    return this.range === "one_minute" ? (ms) => timeToSecond(ms).slice(-8) : hourMinute;
  }

  /** The broker's notices that were not put away. */
  get notices(): readonly string[] {
    return (this.#app.running?.notices ?? []).filter((notice) => !this.#dismissed.has(notice));
  }

  dismiss = (notice: string): void => {
    this.#dismissed = new Set([...this.#dismissed, notice]);
  };
}
