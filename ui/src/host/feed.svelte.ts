// A feed asks the host again and again for what a view shows, and holds the last answer.
//
// It asks on the beat of all feeds. At most one request is on the way, so a slow broker is asked less often instead of being
// swamped. It stops while its view is closed, while the window is hidden, and while the user has paused the view.

import { untrack } from "svelte";
import { join, PERIOD } from "./beat";
import { asFault } from "./fault";
import type { Fault } from "./types/Fault";

/** Milliseconds after which the answer of a feed that asks on every beat is too old to be taken for the present. */
export const STALE_AFTER = 2000;

/** What freezes the feeds: the app. Paused feeds still answer `refresh`, since that is what the user just asked for. */
export interface Pausing {
  readonly paused: boolean;
}

export class Feed<T> {
  /** The last answer, plain data: replace, never change it. */
  data = $state.raw<T | undefined>(undefined);
  /** Why the last request failed; gone with the next answer. */
  fault = $state.raw<Fault | undefined>(undefined);
  /** The last answer is older than two seconds, though the feed runs. */
  stale = $state(false);

  #ask: () => Promise<T>;
  #pausing: Pausing;
  /** Beats from one request to the next. */
  #every: number;
  #due = false;
  #open = 0;
  #leave: (() => void) | undefined;
  #inFlight = false;
  #again = false;
  #answeredAt = 0;
  // Answers to requests from before a `reset` are dropped.
  #generation = 0;

  /** `period`: milliseconds between two requests, a multiple of the beat's. */
  constructor(pausing: Pausing, ask: () => Promise<T>, period = PERIOD) {
    this.#pausing = pausing;
    this.#ask = ask;
    this.#every = Math.max(1, Math.round(period / PERIOD));
  }

  /** Starts asking; returns the function that stops it. For `$effect(() => feed.open())`. */
  open = (): (() => void) => {
    this.#open += 1;
    // The effect that opens the feed must not depend on what the question is made of.
    if (this.#open === 1) untrack(() => this.#start());
    let closed = false;
    return () => {
      if (closed) return;
      closed = true;
      this.#open -= 1;
      if (this.#open === 0) this.#stop();
    };
  };

  /** Asks at once, also while paused: the question has changed (scrolled, unfolded, sorted). Keeps the last answer till then. */
  refresh(): void {
    if (this.#open === 0) return;
    if (this.#inFlight) this.#again = true;
    else untrack(() => void this.#request());
  }

  /** As `refresh`, and forgets what it had: the question is about something else now. */
  reset(): void {
    this.#generation += 1;
    this.data = undefined;
    this.fault = undefined;
    this.#inFlight = false;
    this.#again = false;
    this.refresh();
  }

  #start(): void {
    this.#answeredAt = Date.now();
    document.addEventListener("visibilitychange", this.#onVisibility);
    this.#leave = join(this.#onBeat);
    // A paused view that opens again shows what it had.
    if (this.data === undefined || !this.#rests) void this.#request();
  }

  #stop(): void {
    document.removeEventListener("visibilitychange", this.#onVisibility);
    this.#leave?.();
    this.#generation += 1;
    this.#inFlight = false;
    this.#again = false;
    this.stale = false;
  }

  #onVisibility = (): void => {
    if (document.hidden) return;
    // Nobody asked while the window was hidden, so the age of the answer says nothing.
    this.#answeredAt = Date.now();
    if (!this.#inFlight && !this.#rests) void this.#request();
  };

  /** Nobody sees what it would show, or it is to stand still. */
  get #rests(): boolean {
    return document.hidden || this.#pausing.paused;
  }

  #onBeat = (beat: number): void => {
    if (this.#rests) {
      this.#answeredAt = Date.now();
      this.stale = false;
      return;
    }
    // A feed that asks seldom is not late between two answers.
    this.stale = Date.now() - this.#answeredAt > STALE_AFTER + (this.#every - 1) * PERIOD;
    this.#due ||= beat % this.#every === 0;
    if (this.#due && !this.#inFlight) void this.#request();
  };

  async #request(): Promise<void> {
    this.#inFlight = true;
    this.#due = false;
    const generation = this.#generation;
    let answer: { data: T } | { fault: Fault };
    try {
      answer = { data: await this.#ask() };
    } catch (error) {
      answer = { fault: asFault(error) };
    }
    if (generation !== this.#generation) return;
    this.#inFlight = false;
    if ("data" in answer) {
      this.data = answer.data;
      this.fault = undefined;
      this.#answeredAt = Date.now();
      this.stale = false;
    } else {
      this.fault = answer.fault;
    }
    if (this.#again) {
      this.#again = false;
      void this.#request();
    }
  }
}
