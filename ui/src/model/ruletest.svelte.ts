// "Test a rule": who wants to do what, and which rule decides. It asks again as it is typed, and when the rules change.

import { asFault } from "../host/fault";
import type { Fault } from "../host/types/Fault";
import type { RuleQuestion } from "../host/types/RuleQuestion";
import type { RuleVerdict } from "../host/types/RuleVerdict";
import { filterError, topicError } from "../lib/topicfilter";
import type { App } from "./app.svelte";

/** Milliseconds without a key before it asks. */
const WAIT = 120;

export class RuleTest {
  client = $state("");
  user = $state("");
  operation = $state<RuleQuestion["operation"]>("publish");
  topic = $state("");
  verdict = $state.raw<RuleVerdict | undefined>(undefined);
  fault = $state.raw<Fault | undefined>(undefined);
  #app: App;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;

  readonly topicError = $derived.by(() => {
    if (this.topic === "") return undefined;
    const error = this.operation === "publish" ? topicError(this.topic) : filterError(this.topic);
    return error ?? undefined;
  });

  constructor(app: App) {
    this.#app = app;
  }

  /** The rule that decides, for the list to show it. */
  get decides(): number | undefined {
    return this.verdict?.rule?.number ?? undefined;
  }

  set(question: Partial<Pick<RuleTest, "client" | "user" | "operation" | "topic">>): void {
    Object.assign(this, question);
    this.ask();
  }

  /** After a field has changed. */
  ask(): void {
    clearTimeout(this.#timer);
    if (this.topic === "" || this.topicError !== undefined) {
      this.#asked += 1;
      this.verdict = undefined;
      this.fault = undefined;
      return;
    }
    this.#timer = setTimeout(() => void this.#request(), WAIT);
  }

  async #request(): Promise<void> {
    const asked = (this.#asked += 1);
    const { client, operation, topic } = this;
    const user = this.user === "" ? null : this.user;
    try {
      const verdict = await this.#app.host.testRule({ client, user, operation, topic });
      if (asked !== this.#asked) return;
      this.verdict = verdict;
      this.fault = undefined;
    } catch (error) {
      if (asked !== this.#asked) return;
      this.verdict = undefined;
      this.fault = asFault(error);
    }
  }
}
