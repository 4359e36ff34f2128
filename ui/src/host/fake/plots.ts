// Gaps in the record, and charts of numbers, which are there at once.

import { matches } from "../../lib/topicfilter";
import type { Host } from "../host";
import type { HistoryGap } from "../types/HistoryGap";
import type { HistoryPlot } from "../types/HistoryPlot";
import { fault } from "./fault";
import { conditionError } from "./json";
import type { World } from "./world";

type Commands = Pick<Host, "historyGaps" | "conditionError" | "plotOpen" | "plotLook" | "plotClose">;

export function plotCommands(world: World, options: URLSearchParams): Commands {
  const plots = new Map<number, HistoryPlot>();
  let last = 0;
  const reason = "the disk is slower than the traffic";
  const gaps: HistoryGap[] = options.has("gaps")
    ? [
        { from: world.started - 12_000, to: world.started - 3000, messages: 1204, events: 0, reason },
        { from: world.started - 86_400_000, to: world.started - 84_000_000, messages: 88_012, events: 3, reason },
      ]
    : [];

  return {
    async historyGaps(from, to) {
      return gaps.filter((gap) => gap.to >= (from ?? 0) && gap.from <= (to ?? Infinity));
    },

    async conditionError(condition) {
      return conditionError(condition);
    },

    async plotOpen({ query, path, from, to, points }) {
      if (!path.startsWith("$")) {
        throw fault("The path is not valid", "A path begins with $, as in $.temperature (at character 1)", "");
      }
      const wanted = world.topics.find(
        (topic) =>
          topic.number &&
          (query.filter === "" || matches(query.filter, topic.path)) &&
          path === (topic.number.path === "" ? "$" : `$.${topic.number.path}`),
      );
      const step = (to - from) / points;
      const plot: HistoryPlot = {
        plot: (last += 1),
        progress: 1,
        done: true,
        without_number: wanted ? 0 : 1000,
        points: wanted
          ? Array.from({ length: points }, (_, i) => {
              const values = [0, 1, 2, 3].map((n) => wanted.number!.at(i * 40 + n * 9));
              const [min, max] = [Math.min(...values), Math.max(...values)];
              return { at: from + i * step, count: 40, min, max, mean: (min + max) / 2, last: values[3]! };
            })
          : [],
      };
      plots.clear();
      plots.set(plot.plot, plot);
      return plot;
    },

    async plotLook(plot) {
      const found = plots.get(plot);
      if (!found) throw fault("The chart is closed", "Another one took its place", "Open it again");
      return found;
    },

    async plotClose(plot) {
      plots.delete(plot);
    },
  };
}
