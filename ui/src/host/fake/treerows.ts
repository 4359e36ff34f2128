// The topic tree's rows, and what the palette finds in it.

import type { Host } from "../host";
import type { TopicRow } from "../types/TopicRow";
import { lastOf, lastSeq } from "./messages";
import { noise } from "./noise";
import { kindOf, shortValueOf, type Topic } from "./topics";
import type { Node } from "./tree";
import type { World } from "./world";

export function treeCommands(world: World): Pick<Host, "topicRows" | "find"> {
  const rates = new WeakMap<Node<Topic>, number>();

  function rateOf(node: Node<Topic>): number {
    let rate = rates.get(node);
    if (rate === undefined) {
      rate = (node.topic?.rate ?? 0) + [...node.children.values()].reduce((sum, child) => sum + rateOf(child), 0);
      rates.set(node, rate);
    }
    return rate;
  }

  function newestIn(node: Node<Topic>): number {
    const own = node.topic ? lastOf(world, node.topic).at : 0;
    return [...node.children.values()].reduce((newest, child) => Math.max(newest, newestIn(child)), own);
  }

  function row(node: Node<Topic>, expanded: boolean): TopicRow {
    const { topic } = node;
    const rate = rateOf(node);
    const last = topic && lastOf(world, topic);
    const wobble = 0.92 + 0.16 * noise(node.path.length * 31 + node.topicsBelow, Math.floor(world.now() / 2000));
    return {
      path: node.path,
      name: node.name,
      depth: node.depth,
      children: node.children.size,
      topics_below: node.topicsBelow,
      expanded,
      is_topic: topic !== undefined,
      retained: world.retained.has(node.path),
      rate: rate < 1 ? rate : rate * wobble,
      messages: topic ? lastSeq(world, topic) + 1 : 0,
      value: last ? shortValueOf(last.payload) : "",
      value_kind: last ? kindOf(last.payload) : "empty",
      last_at: last?.at ?? null,
      changed_at: last && topic.number ? last.at : null,
    };
  }

  return {
    async topicRows(query) {
      const weigh = query.sort === "name" ? undefined : query.sort === "rate" ? rateOf : newestIn;
      const nodes = world.tree.rows(query, weigh);
      const expanded = new Set(query.expanded);
      const rows = nodes.slice(query.first, query.first + query.count).map((node, i) => {
        const next = nodes[query.first + i + 1];
        const unfolded = next !== undefined && next.depth > node.depth;
        return row(node, query.filter === "" ? expanded.has(node.path) : unfolded);
      });
      return { total: nodes.length, topics: world.topics.length, first: query.first, rows };
    },

    async find(text) {
      const wanted = text.toLowerCase();
      const topics = [...world.tree.all()]
        .filter((node) => node.path.toLowerCase().includes(wanted))
        .map((node) => ({ path: node.path, is_topic: node.topic !== undefined, rate: rateOf(node) }))
        .sort((a, b) => b.rate - a.rate)
        .slice(0, 8);
      const clients = world.clients
        .filter(({ name }) => name.toLowerCase().includes(wanted))
        .slice(0, 8)
        .map(({ name, connected }) => ({ client: name, connected }));
      return { topics, clients };
    },
  };
}
