// What one topic retained over time, the newest first.

import { asFault } from "../host/fault";
import type { Fault } from "../host/types/Fault";
import type { RetainedChange } from "../host/types/RetainedChange";
import { Pages } from "../lib/pages";
import type { App } from "./app.svelte";

const PAGE = 100;
const KEPT_PAGES = 40;
const MARGIN = 20;
const PATIENCE = 250;

export class RetainedChangeList {
  topic = $state<string | undefined>(undefined);
  total = $state(0);
  done = $state(false);
  fault = $state.raw<Fault | undefined>(undefined);

  #app: App;
  #search: number | undefined;
  #run = 0;
  #pages = new Pages<RetainedChange>(PAGE, KEPT_PAGES);
  #version = $state(0);
  #first = 0;
  #count = MARGIN;
  #filling = false;

  constructor(app: App) {
    this.#app = app;
  }

  row = (index: number): RetainedChange | undefined => {
    void this.#version;
    return this.#pages.get(index);
  };

  show = (first: number, count: number): void => {
    this.#first = Math.max(0, first - MARGIN);
    this.#count = first + count + MARGIN - this.#first;
    void this.#fill(this.#run);
  };

  /** Looks at a topic, or anew at the same; without one, at none. */
  async open(topic: string | undefined): Promise<void> {
    const run = (this.#run += 1);
    this.#close();
    if (topic !== this.topic) {
      this.#pages.clear();
      this.total = 0;
      this.done = false;
    }
    this.topic = topic;
    this.fault = undefined;
    if (topic === undefined) return;
    try {
      const answer = await this.#app.host.retainedChanges(topic, null, 0, PAGE);
      const { search } = answer.progress;
      if (run !== this.#run) {
        void this.#app.host.historyClose(search).catch(() => undefined);
        return;
      }
      this.#search = search;
      this.#pages.clear();
      this.#take(0, answer.rows, answer.progress.found, answer.progress.done);
      await this.#follow(run, topic, search);
      await this.#fill(run);
    } catch (error) {
      if (run === this.#run) this.fault = asFault(error);
    }
  }

  /** Until all of it is found. */
  async #follow(run: number, topic: string, search: number): Promise<void> {
    while (run === this.#run && !this.done) {
      await new Promise((resolve) => setTimeout(resolve, PATIENCE));
      if (run !== this.#run) return;
      const { rows, progress } = await this.#app.host.retainedChanges(topic, search, 0, PAGE);
      if (run === this.#run) this.#take(0, rows, progress.found, progress.done);
    }
  }

  async #fill(run: number): Promise<void> {
    if (this.#filling) return;
    this.#filling = true;
    try {
      while (run === this.#run && this.topic !== undefined && this.#search !== undefined) {
        const page = this.#pages.missing(this.#first, this.#count, this.total)[0];
        if (page === undefined) break;
        const { rows } = await this.#app.host.retainedChanges(this.topic, this.#search, page * PAGE, PAGE);
        if (run !== this.#run) break;
        this.#take(page, rows, this.total, this.done);
        if (this.#pages.missing(page * PAGE, 1, this.total).length > 0) break;
      }
    } catch (error) {
      if (run === this.#run) this.fault = asFault(error);
    } finally {
      this.#filling = false;
    }
  }

  #take(page: number, rows: RetainedChange[], found: number, done: boolean): void {
    this.#pages.put(page, rows);
    this.total = found;
    this.done = done;
    this.#version += 1;
  }

  #close(): void {
    if (this.#search !== undefined) void this.#app.host.historyClose(this.#search).catch(() => undefined);
    this.#search = undefined;
  }
}
