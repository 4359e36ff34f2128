// The topic tree as Rust flattens it: only the rows that are unfolded and asked for.

import { ancestors, hasWildcard, matches } from "../../lib/topicfilter";
import type { TopicQuery } from "../types/TopicQuery";

export interface Node<T> {
  path: string;
  name: string;
  depth: number;
  children: Map<string, Node<T>>;
  topic: T | undefined;
  topicsBelow: number;
}

export class Tree<T extends { path: string }> {
  readonly root: Node<T> = { path: "", name: "", depth: 0, children: new Map(), topic: undefined, topicsBelow: 0 };

  add(topic: T): void {
    let node = this.root;
    for (const path of [...ancestors(topic.path), topic.path]) {
      node.topicsBelow += 1;
      const name = path.slice(node.depth === 0 ? 0 : node.path.length + 1);
      let child = node.children.get(name);
      if (!child) {
        child = { path, name, depth: node.depth + 1, children: new Map(), topic: undefined, topicsBelow: 0 };
        node.children.set(name, child);
      }
      node = child;
    }
    node.topic = topic;
  }

  /** Every node, the top first. */
  *all(from: Node<T> = this.root): Iterable<Node<T>> {
    for (const child of from.children.values()) {
      yield child;
      yield* this.all(child);
    }
  }

  /** The rows in order. `weigh` gives what to sort by, the largest first; without it by name. */
  rows(query: Pick<TopicQuery, "expanded" | "filter">, weigh: ((node: Node<T>) => number) | undefined): Node<T>[] {
    const shown = query.filter === "" ? undefined : this.#matching(query.filter);
    const expanded = new Set(query.expanded);
    const out: Node<T>[] = [];
    const visit = (node: Node<T>) => {
      let children = [...node.children.values()];
      if (shown) children = children.filter((child) => shown.has(child.path));
      if (weigh) children.sort((a, b) => weigh(b) - weigh(a) || compare(a.name, b.name));
      else children.sort((a, b) => compare(a.name, b.name));
      for (const child of children) {
        out.push(child);
        if (shown ? this.unfoldedBy(shown, child) : expanded.has(child.path)) visit(child);
      }
    };
    visit(this.root);
    return out;
  }

  unfoldedBy(shown: Set<string>, node: Node<T>): boolean {
    for (const child of node.children.values()) if (shown.has(child.path)) return true;
    return false;
  }

  #matching(filter: string): Set<string> {
    const wild = hasWildcard(filter);
    const text = filter.toLowerCase();
    const shown = new Set<string>();
    for (const node of this.all()) {
      const hit = wild
        ? node.topic !== undefined && matches(filter, node.path)
        : node.path.toLowerCase().includes(text);
      if (!hit) continue;
      shown.add(node.path);
      for (const path of ancestors(node.path)) shown.add(path);
    }
    return shown;
  }
}

/** `$SYS` comes last, as it is the broker's own. */
function compare(a: string, b: string): number {
  const own = Number(a.startsWith("$")) - Number(b.startsWith("$"));
  return own || a.localeCompare(b, "en", { numeric: true });
}
