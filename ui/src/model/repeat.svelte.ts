// Publishes one message again and again until it is stopped, has been sent as often as asked for, or fails. The next one leaves when
// the one before is acknowledged, however short the time between them is.

import { asFault } from "../host/fault";
import type { Fault } from "../host/types/Fault";
import type { OutgoingMessage } from "../host/types/OutgoingMessage";

export const SHORTEST = 10;
export const LONGEST = 3_600_000;
const MOST = 1_000_000;

export type RepeatState = "idle" | "running" | "paused";

export class Repeat {
  every = $state("1000");
  /** How often; empty until it is stopped. */
  times = $state("");
  state = $state<RepeatState>("idle");
  sent = $state(0);
  /** Why it paused. */
  fault = $state.raw<Fault | undefined>(undefined);

  readonly everyError = $derived.by(() => {
    const ms = Number(this.every);
    return /^\d+$/.test(this.every.trim()) && ms >= SHORTEST && ms <= LONGEST
      ? undefined
      : "Write milliseconds, from 10 to 3,600,000.";
  });
  readonly timesError = $derived.by(() => {
    const text = this.times.trim();
    if (text === "") return undefined;
    return /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= MOST
      ? undefined
      : "Write a number from 1 to 1,000,000, or nothing.";
  });

  #send: (message: OutgoingMessage) => Promise<unknown>;
  #message: OutgoingMessage | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  // What was on its way when it was stopped must not go on afterwards.
  #run = 0;

  constructor(send: (message: OutgoingMessage) => Promise<unknown>) {
    this.#send = send;
  }

  /** What goes out, as it was when it began. */
  get message(): OutgoingMessage | undefined {
    return this.#message;
  }

  start(message: OutgoingMessage): void {
    if (this.everyError !== undefined || this.timesError !== undefined) return;
    this.stop();
    this.#message = message;
    this.sent = 0;
    this.#go();
  }

  /** Goes on after a fault. */
  resume(): void {
    if (this.state === "paused") this.#go();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#run += 1;
    this.state = "idle";
    this.fault = undefined;
  }

  #go(): void {
    this.#run += 1;
    this.fault = undefined;
    this.state = "running";
    void this.#once(this.#run);
  }

  async #once(run: number): Promise<void> {
    const began = Date.now();
    try {
      await this.#send(this.#message!);
    } catch (error) {
      if (run !== this.#run) return;
      this.state = "paused";
      this.fault = asFault(error);
      return;
    }
    if (run !== this.#run) return;
    this.sent += 1;
    if (this.times.trim() !== "" && this.sent >= Number(this.times)) {
      this.stop();
      return;
    }
    // Typed over while it runs, the number counts as soon as it is valid.
    const every = this.everyError === undefined ? Number(this.every) : LONGEST;
    this.#timer = setTimeout(() => void this.#once(run), Math.max(0, every - (Date.now() - began)));
  }
}
