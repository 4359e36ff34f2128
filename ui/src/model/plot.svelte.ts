// The chart of a number in what a search found: which one, and what it was over the time of the search.

import { asFault } from "../host/fault";
import type { Host } from "../host/host";
import type { Fault } from "../host/types/Fault";
import type { HistoryPlot } from "../host/types/HistoryPlot";
import type { HistoryQuery } from "../host/types/HistoryQuery";

/** How often a chart that grows is looked at. */
const PERIOD = 250;
const POINTS = 400;

export class Plot {
  path = $state("$.value");
  data = $state.raw<HistoryPlot | undefined>(undefined);
  fault = $state.raw<Fault | undefined>(undefined);

  readonly figures = $derived.by(() => {
    const points = this.data?.points ?? [];
    if (points.length === 0) return undefined;
    const count = points.reduce((sum, point) => sum + point.count, 0);
    return {
      count,
      last: points.at(-1)!.last,
      min: Math.min(...points.map(({ min }) => min)),
      max: Math.max(...points.map(({ max }) => max)),
      mean: points.reduce((sum, point) => sum + point.mean * point.count, 0) / count,
    };
  });

  #host: Host;
  #query: HistoryQuery;
  #from: number;
  #to: number;
  #run = 0;

  /** `path`: the number that is looked for first. */
  constructor(host: Host, query: HistoryQuery, from: number, to: number, path = "$.value") {
    this.#host = host;
    this.#query = query;
    this.#from = from;
    this.#to = to;
    this.path = path;
  }

  async draw(): Promise<void> {
    const run = (this.#run += 1);
    try {
      let data = await this.#host.plotOpen({
        query: this.#query,
        path: this.path.trim(),
        from: this.#from,
        to: this.#to,
        points: POINTS,
      });
      for (;;) {
        if (run !== this.#run) return;
        this.data = data;
        this.fault = undefined;
        if (data.done) return;
        await new Promise((resolve) => setTimeout(resolve, PERIOD));
        if (run !== this.#run) return;
        data = await this.#host.plotLook(data.plot);
      }
    } catch (error) {
      if (run !== this.#run) return;
      this.data = undefined;
      this.fault = asFault(error);
    }
  }

  close(): void {
    this.#run += 1;
    // A plot that is gone already needs no closing.
    if (this.data) void this.#host.plotClose(this.data.plot).catch(() => undefined);
  }
}

/** Where the first number of a payload is, as a path; undefined where it has none. */
export function numberPath(text: string | null | undefined): string | undefined {
  const find = (value: unknown, path: string, depth: number): string | undefined => {
    if (typeof value === "number") return path;
    if (typeof value !== "object" || value === null || Array.isArray(value) || depth === 0) return undefined;
    for (const [name, member] of Object.entries(value)) {
      const step = /^[A-Za-z_]\w*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
      const found = find(member, path + step, depth - 1);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  try {
    return find(JSON.parse(text ?? ""), "$", 4);
  } catch {
    return undefined;
  }
}
