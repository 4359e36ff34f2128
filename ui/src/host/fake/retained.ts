// The retained set.

import { hasWildcard, matches } from "../../lib/topicfilter";
import type { Host } from "../host";
import type { RetainedSelection } from "../types/RetainedSelection";
import { fault } from "./fault";
import { detailOf, keptRow } from "./messages";
import { sizeOf } from "./topics";
import type { Kept, World } from "./world";

type Commands = Pick<Host, "retainedRows" | "retainedMessage" | "countRetained" | "clearRetained" | "setRetained">;

export function retainedCommands(world: World): Commands {
  function matching(filter: string): Kept[] {
    const text = filter.toLowerCase();
    const wild = hasWildcard(filter);
    return [...world.retained.values()].filter(({ topic }) =>
      wild ? matches(filter, topic) : topic.toLowerCase().includes(text),
    );
  }

  function selected(selection: RetainedSelection): string[] {
    if (selection.which === "topics") return selection.value.filter((topic) => world.retained.has(topic));
    return matching(selection.value).map(({ topic }) => topic);
  }

  return {
    async retainedRows(query) {
      const by = {
        topic: (a: Kept, b: Kept) => a.topic.localeCompare(b.topic, "en", { numeric: true }),
        age: (a: Kept, b: Kept) => b.at - a.at,
        size: (a: Kept, b: Kept) => sizeOf(a.payload) - sizeOf(b.payload),
        publisher: (a: Kept, b: Kept) => a.publisher.localeCompare(b.publisher, "en", { numeric: true }),
      };
      const all = matching(query.filter).sort(
        (a, b) => (query.descending ? -1 : 1) * by[query.sort](a, b) || by.topic(a, b),
      );
      const rows = all.slice(query.first, query.first + query.count).map((kept) => keptRow(kept, 0));
      return { total: all.length, first: query.first, rows };
    },

    async retainedMessage(topic) {
      const kept = world.retained.get(topic);
      if (!kept) throw fault("There is no retained message any more", `“${topic}” was cleared`, "Choose another one");
      return detailOf(world, keptRow(kept, 0), kept.payload, null, kept.properties);
    },

    async countRetained(selection) {
      return selected(selection).length;
    },
    async clearRetained(selection) {
      const topics = selected(selection);
      for (const topic of topics) {
        const kept = world.retained.get(topic)!;
        world.retain({ ...kept, payload: "", at: world.now(), publisher: "nightjar-window" });
      }
      return topics.length;
    },
    async setRetained(edit) {
      world.take({ ...edit, retain: true }, "nightjar-window");
    },
  };
}
