// Two million messages that are nowhere: each row follows from its number. Searches go through all of them, in slices.

import { matches } from "../../lib/topicfilter";
import { fault } from "./fault";
import type { Host } from "../host";
import type { HistoryHistogram } from "../types/HistoryHistogram";
import type { HistoryPage } from "../types/HistoryPage";
import type { HistoryPick } from "../types/HistoryPick";
import type { HistoryProgress } from "../types/HistoryProgress";
import type { HistoryQuery } from "../types/HistoryQuery";
import type { MessageRow } from "../types/MessageRow";
import { isMet } from "./json";
import { keptRow, rowOf } from "./messages";
import { noise } from "./noise";
import type { Topic } from "./topics";
import { CHANGE_IDS, type World } from "./world";

const BEFORE = 2_104_318;
/** Milliseconds from one to the next. */
const SPACING = 123;
const BLOCK = 1024;
const SLICE_MS = 6;

interface Search {
  query: HistoryQuery;
  /** Ids, newest first; absent where the query asks for nothing, so that every message is found. */
  found: number[] | undefined;
  newest: number;
  next: number;
  closed: boolean;
}

export class FakeHistory {
  #searches = new Map<number, Search>();
  #nextSearch = 1;
  #block: Topic[];

  readonly commands: Pick<Host, "historyOpen" | "historyPage" | "historyHistogram" | "historyClose"> = {
    historyOpen: async (query) => this.open(query),
    historyPage: async (search, first, count) => this.page(search, first, count),
    historyHistogram: async (search, from, to, slots) => this.histogram(search, from, to, slots),
    historyClose: async (search) => this.close(search),
  };

  constructor(private readonly world: World) {
    const { topics } = world;
    // Busy topics fill more of the block.
    const weights = topics.map((topic) => Math.sqrt(topic.rate) + 0.05);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    this.#block = Array.from({ length: BLOCK }, (_, i) => {
      let left = noise(99, i) * total;
      return topics.find((_, t) => (left -= weights[t]!) < 0) ?? topics[0]!;
    });
  }

  get newest(): number {
    return this.world.empty ? 0 : BEFORE + Math.floor((this.world.now() - this.world.started) / SPACING);
  }

  place(id: number): { topic: Topic; seq: number; at: number } {
    const topic = this.#block[Math.imul(id, 389) & (BLOCK - 1)]!;
    const at = this.world.started - (BEFORE - id) * SPACING;
    return { topic, seq: Math.floor(id / 8), at };
  }

  /** What a search for retained messages alone finds: every change of what is retained. */
  #changes({ filter, client, text, json, from, to, qos, retain }: HistoryQuery): number[] | undefined {
    if (retain !== true || client || text || json || from !== null || to !== null || qos !== null) return undefined;
    const found = this.world.changes.filter(({ kept }) => !filter || matches(filter, kept.topic));
    return found.map(({ id }) => id).reverse();
  }

  row(id: number): MessageRow {
    const change = this.world.changes[id - CHANGE_IDS];
    if (change) return keptRow(change.kept, id);
    const { topic, seq, at } = this.place(id);
    return rowOf(topic, seq, id, at);
  }

  open(query: HistoryQuery): HistoryProgress {
    const { filter, client, text, json, ...rest } = query;
    const changes = this.#changes(query);
    const everything = !filter && !client && !text && !json && Object.values(rest).every((wanted) => wanted === null);
    const newest = this.newest;
    const search: Search = {
      query,
      found: changes ?? (everything ? undefined : []),
      newest,
      next: everything || changes ? 0 : newest,
      closed: false,
    };
    const number = this.#nextSearch++;
    this.#searches.set(number, search);
    if (!everything && !changes) setTimeout(() => this.#scan(search));
    return this.#progress(number, search);
  }

  page(number: number, first: number, count: number): HistoryPage {
    const search = this.#search(number);
    const found = search.found?.length ?? search.newest;
    const rows = Array.from({ length: Math.max(0, Math.min(count, found - first)) }, (_, i) =>
      this.row(search.found ? search.found[first + i]! : search.newest - first - i),
    );
    return { progress: this.#progress(number, search), first, rows };
  }

  picked({ search, ranges }: HistoryPick): MessageRow[] {
    return ranges.flatMap(([first, count]) => this.page(search, first, count).rows);
  }

  histogram(number: number, from: number | null, to: number | null, slots: number): HistoryHistogram | null {
    const search = this.#search(number);
    const found = search.found?.length ?? search.newest;
    if (found === 0) return null;
    const at = (position: number) => this.row(search.found ? search.found[position]! : search.newest - position).at;
    const [begin, end] = [from ?? at(found - 1), to ?? at(0)];
    if (begin >= end) return null;
    /** How many are not older. */
    const since = (moment: number) => {
      let [low, high] = [0, found];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (at(middle) >= moment) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    const bounds = Array.from({ length: slots + 1 }, (_, i) => since(begin + ((end - begin) * i) / slots));
    bounds[slots] = since(end + 1);
    return { from: begin, to: end, counts: bounds.slice(1).map((bound, i) => bounds[i]! - bound) };
  }

  #search(number: number): Search {
    const search = this.#searches.get(number);
    if (!search) throw fault("The search is gone", `Search ${number} was closed`, "Search again");
    return search;
  }

  close(number: number): void {
    const search = this.#searches.get(number);
    if (search) search.closed = true;
    this.#searches.delete(number);
  }

  #progress(number: number, search: Search): HistoryProgress {
    return {
      search: number,
      found: search.found?.length ?? search.newest,
      progress: search.newest === 0 ? 1 : 1 - search.next / search.newest,
      done: search.next === 0,
      newer: this.newest - search.newest,
      limit_reached: false,
    };
  }

  #scan(search: Search): void {
    const { query, found } = search;
    if (search.closed || !found) return;
    const topicHit = new Map<Topic, boolean>();
    const text = query.text.toLowerCase();
    const end = performance.now() + SLICE_MS;
    while (search.next > 0 && (search.next % 512 !== 0 || performance.now() < end || search.next === search.newest)) {
      const id = search.next--;
      const { topic, seq, at } = this.place(id);
      if (query.from !== null && at < query.from) {
        search.next = 0;
        break;
      }
      if (query.to !== null && at > query.to) continue;
      let hit = topicHit.get(topic);
      if (hit === undefined) {
        hit =
          (!query.filter || matches(query.filter, topic.path)) &&
          (!query.client || topic.publisher === query.client) &&
          (query.qos === null || topic.qos === query.qos) &&
          (query.retain === null || (topic.rate === 0 && topic.retained) === query.retain);
        topicHit.set(topic, hit);
      }
      if (!hit) continue;
      if (text || query.json) {
        const payload = topic.payload(seq);
        if (typeof payload !== "string" || !payload.toLowerCase().includes(text)) continue;
        if (query.json && !isMet(payload, query.json)) continue;
      }
      found.push(id);
    }
    if (search.next > 0) setTimeout(() => this.#scan(search));
  }
}
