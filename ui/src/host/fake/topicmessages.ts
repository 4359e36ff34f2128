// The messages of a topic, which come at its rate, and any single message.

import type { Host } from "../host";
import { fault } from "./fault";
import type { FakeHistory } from "./history";
import {
  detailOf,
  detailOfTopic,
  idOf,
  indexOf,
  keptRow,
  lastSeq,
  rowOf,
  SENT_IDS,
  seqOf,
  timeOf,
  TOPIC_IDS,
} from "./messages";
import { noise } from "./noise";
import type { Topic } from "./topics";
import { changeDetail } from "./past";
import { CHANGE_IDS, type World } from "./world";

export function messageCommands(world: World, history: FakeHistory): Pick<Host, "topicMessages" | "message"> {
  function histogram(topic: Topic): number[] {
    const slot = Math.floor(world.now() / 3000);
    return Array.from({ length: 100 }, (_, i) => {
      const expected = topic.rate * 3;
      const n = noise(topic.index, slot - 99 + i);
      return expected >= 1 ? Math.round(expected * (0.85 + 0.3 * n)) : n < expected ? 1 : 0;
    });
  }

  function series(topic: Topic): [number, number][] {
    if (!topic.number || topic.rate === 0) return [];
    const last = lastSeq(world, topic);
    const count = Math.min(300, Math.floor(topic.rate * 300) + 1);
    const step = Math.max(1, Math.floor((topic.rate * 300) / 300));
    return Array.from({ length: count }, (_, i) => {
      const seq = last - (count - 1 - i) * step;
      return [timeOf(world, topic, seq), topic.number!.at(seq)];
    });
  }

  return {
    async topicMessages(query) {
      const topic = world.byPath.get(query.topic);
      if (!topic) {
        const histogram = Array<number>(100).fill(0);
        return { rows: [], skipped: 0, total: 0, histogram, series: [], series_path: null };
      }
      const limit = Math.min(query.limit, 500);
      const last = lastSeq(world, topic);
      const sent = world.sent.flatMap((message, i) =>
        message.topic === topic.path && (query.after === null || SENT_IDS + i > query.after)
          ? [keptRow(message, SENT_IDS + i, world.retained.get(topic.path) === message)]
          : [],
      );
      const made = topic.publisher !== "";
      const known = query.after === null || query.after >= SENT_IDS ? -1 : seqOf(query.after);
      const newer = made ? Math.max(0, last - known) : 0;
      const generated = query.after !== null && query.after >= SENT_IDS ? 0 : Math.min(limit, newer);
      const rows = Array.from({ length: generated }, (_, i) =>
        rowOf(topic, last - i, idOf(topic, last - i), timeOf(world, topic, last - i)),
      );
      return {
        rows: [...sent.reverse(), ...rows].slice(0, limit),
        skipped: query.after === null ? 0 : newer - generated,
        total: (made ? last + 1 : 0) + world.sent.filter((message) => message.topic === topic.path).length,
        histogram: histogram(topic),
        series: series(topic),
        series_path: topic.number?.path ?? null,
      };
    },

    async message(id) {
      if (id >= CHANGE_IDS && id < SENT_IDS) return changeDetail(world, id);
      if (id >= SENT_IDS) {
        const kept = world.sent[id - SENT_IDS];
        if (!kept) throw fault("The message is gone", "It is no longer in the history", "Choose another one");
        const row = keptRow(kept, id, world.retained.get(kept.topic) === kept);
        return detailOf(world, row, kept.payload, null, kept.properties);
      }
      if (id < TOPIC_IDS) {
        const { topic, seq } = history.place(id);
        return detailOfTopic(world, topic, seq, history.row(id));
      }
      const [topic, seq] = [world.topics[indexOf(id)]!, seqOf(id)];
      return detailOfTopic(world, topic, seq, rowOf(topic, seq, id, timeOf(world, topic, seq)));
    },
  };
}
