// The message in an inspector: fetched when it is chosen. The one before it stays in sight until then, so nothing flickers.

import { asFault } from "../host/fault";
import type { Fault } from "../host/types/Fault";
import type { MessageDetail } from "../host/types/MessageDetail";

export class Inspected<Key> {
  detail = $state.raw<MessageDetail | undefined>(undefined);
  fault = $state.raw<Fault | undefined>(undefined);
  key = $state.raw<Key | undefined>(undefined);

  #ask: (key: Key) => Promise<MessageDetail>;
  #inFlight = false;

  constructor(ask: (key: Key) => Promise<MessageDetail>) {
    this.#ask = ask;
  }

  /** Shows another message, or none. Asking fast only fetches the first and the last. */
  show(key: Key | undefined): void {
    if (key === this.key && this.fault === undefined) return;
    this.key = key;
    this.fault = undefined;
    if (key === undefined) this.detail = undefined;
    else void this.#fetch();
  }

  retry(): void {
    this.fault = undefined;
    void this.#fetch();
  }

  async #fetch(): Promise<void> {
    if (this.#inFlight) return;
    this.#inFlight = true;
    try {
      for (let done = false; !done;) {
        const key = this.key;
        if (key === undefined) break;
        try {
          const detail = await this.#ask(key);
          // What was left behind meanwhile is not shown, unless nothing is: then the next one is fetched.
          if (this.key !== undefined) this.detail = detail;
        } catch (error) {
          if (this.key === key) {
            this.fault = asFault(error);
            this.detail = undefined;
          }
        }
        done = this.key === key;
      }
    } finally {
      this.#inFlight = false;
    }
  }
}
