// What was retained in the past: each topic has had some values before, and a few were cleared.

import { hasWildcard, matches } from "../../lib/topicfilter";
import type { Host } from "../host";
import type { MessageRow } from "../types/MessageRow";
import type { PastProgress } from "../types/PastProgress";
import type { PastRow } from "../types/PastRow";
import type { RetainedChange } from "../types/RetainedChange";
import type { RetainedSelection } from "../types/RetainedSelection";
import { fault } from "./fault";
import { detailOf, keptRow } from "./messages";
import { sizeOf } from "./topics";
import type { Change, World } from "./world";

type Commands = Pick<
  Host,
  "pastOpen" | "pastRows" | "clearedRows" | "pastClose" | "retainedChanges" | "restoreRetained" | "restoreCleared"
>;

interface Look {
  at: number | null;
  found: Change[];
}

interface Gone {
  last: Change;
  by: Change;
}

const rowOf = (change: Change): MessageRow => keptRow(change.kept, change.id);
const isClearing = (change: Change) => sizeOf(change.kept.payload) === 0;

export function changeDetail(world: World, id: number) {
  const change = world.changes.find((candidate) => candidate.id === id);
  if (!change) throw fault("The message is gone", "It is no longer in the history", "Choose another one");
  const before = world.changes.findLast(({ kept }) => kept.topic === change.kept.topic && kept.at < change.kept.at);
  return detailOf(world, rowOf(change), change.kept.payload, before?.kept.payload ?? null, change.kept.properties);
}

export function pastCommands(world: World): Commands {
  const looks = new Map<number, Look>();
  const searches = new Map<number, string>();
  let last = 0;

  function wanted(filter: string): (topic: string) => boolean {
    const text = filter.toLowerCase();
    return hasWildcard(filter) ? (topic) => matches(filter, topic) : (topic) => topic.toLowerCase().includes(text);
  }

  /** The last change of each topic up to a moment. */
  function lastChanges(at: number): Map<string, Change> {
    const found = new Map<string, Change>();
    for (const change of world.changes) if (change.kept.at <= at) found.set(change.kept.topic, change);
    return found;
  }

  function look(past: number): Look {
    const found = looks.get(past);
    if (!found) throw fault("The look at the past has ended", "Others took its place", "Choose it again");
    return found;
  }

  function progress(past: number): PastProgress {
    const { at, found } = look(past);
    return { past, at, found: found.length, progress: 1, done: true, limit_reached: false };
  }

  function gone(past: number): Gone[] {
    return look(past)
      .found.filter(({ kept }) => !world.retained.has(kept.topic))
      .flatMap((by) => {
        const before = world.changes.findLast(
          (change) => change.kept.topic === by.kept.topic && change.kept.at < by.kept.at && !isClearing(change),
        );
        return before ? [{ last: before, by }] : [];
      })
      .sort((a, b) => b.by.kept.at - a.by.kept.at);
  }

  const means = (selection: RetainedSelection) =>
    selection.which === "topics" ? (topic: string) => selection.value.includes(topic) : wanted(selection.value);

  return {
    async pastOpen(at) {
      last += 1;
      const found = [...lastChanges(at ?? Infinity).values()];
      looks.set(last, { at, found: found.filter((change) => isClearing(change) === (at === null)) });
      return progress(last);
    },

    async pastRows(past, query) {
      const then = new Map(look(past).found.map((change) => [change.kept.topic, change]));
      const rows: PastRow[] = [...then].map(([topic, change]) => {
        const now = world.retained.get(topic);
        const state = now === undefined ? "gone" : now.at === change.kept.at ? "same" : "changed";
        return { topic, state, then: rowOf(change), now: now ? keptRow(now, 0) : null };
      });
      for (const now of world.retained.values())
        if (!then.has(now.topic)) rows.push({ topic: now.topic, state: "new", then: null, now: keptRow(now, 0) });
      const number = (state: PastRow["state"]) => rows.filter((row) => row.state === state).length;
      const is = wanted(query.filter);
      const all = rows.filter((row) => (query.different ? row.state !== "same" : row.then !== null) && is(row.topic));
      const size = (row: PastRow) => (row.then ?? row.now)!.size;
      const at = (row: PastRow) => (row.then ?? row.now)!.at;
      const by = {
        topic: (a: PastRow, b: PastRow) => a.topic.localeCompare(b.topic, "en", { numeric: true }),
        age: (a: PastRow, b: PastRow) => at(b) - at(a),
        size: (a: PastRow, b: PastRow) => size(a) - size(b),
      };
      all.sort((a, b) => (query.descending ? -1 : 1) * by[query.sort](a, b) || by.topic(a, b));
      return {
        progress: progress(past),
        total: all.length,
        same: number("same"),
        changed: number("changed"),
        gone: number("gone"),
        new: number("new"),
        first: query.first,
        rows: all.slice(query.first, query.first + query.count),
      };
    },

    async clearedRows(past, query) {
      const is = wanted(query.filter);
      const all = gone(past).filter(({ last }) => is(last.kept.topic));
      return {
        progress: progress(past),
        total: all.length,
        first: query.first,
        rows: all.slice(query.first, query.first + query.count).map(({ last, by }) => ({
          row: rowOf(last),
          ended: by.kept.at,
          by: by.kept.publisher,
          expired: false,
        })),
      };
    },

    async pastClose(past) {
      looks.delete(past);
    },

    async retainedChanges(topic, search, first, count) {
      if (search === null) {
        last += 1;
        search = -last;
        searches.set(search, topic);
      }
      const all = world.changes.filter(({ kept }) => kept.topic === topic).reverse();
      const rows: RetainedChange[] = all.map((change, i) => {
        const newer = all[i - 1];
        const ending = newer === undefined ? "stands" : isClearing(newer) ? "cleared" : "replaced";
        return { row: rowOf(change), until: newer?.kept.at ?? null, ending };
      });
      return {
        progress: { search, found: rows.length, progress: 1, done: true, newer: 0, limit_reached: false },
        first,
        rows: rows.slice(first, first + count),
      };
    },

    async restoreRetained(message, over) {
      const change = world.changes.find(({ id }) => id === message);
      if (!change) throw fault("The value was not set again", "The history no longer has it", "Choose another one");
      const now = world.retained.get(change.kept.topic);
      if (now && now.at !== over) return keptRow(now, 0);
      world.retain({ ...change.kept, at: world.now(), publisher: "nightjar-window" });
      return null;
    },

    async restoreCleared(past, selection, since) {
      const is = means(selection);
      const all = gone(past).filter(({ last, by }) => is(last.kept.topic) && (since === null || by.kept.at >= since));
      for (const { last } of all) world.retain({ ...last.kept, at: world.now(), publisher: "nightjar-window" });
      return all.length;
    },
  };
}
