// A broker that is not there: seeded, the same in every run, and large enough to look like the real thing. For tests and for
// working on the window without Rust; production builds leave it out.

import { accountCommands } from "./fake/accounts";
import { authorityCommands } from "./fake/authority";
import { banCommands } from "./fake/bans";
import { clientCommands } from "./fake/clientrows";
import { exportCommands } from "./fake/exports";
import { fault } from "./fake/fault";
import { FakeHistory } from "./fake/history";
import { keepingCommands } from "./fake/keeping";
import { listenerCommands } from "./fake/listeners";
import { logCommands } from "./fake/logs";
import { overviewCommands } from "./fake/overview";
import { pastCommands } from "./fake/past";
import { plotCommands } from "./fake/plots";
import { FakePublisher } from "./fake/publisher";
import { queueCommands } from "./fake/queues";
import { retainedCommands } from "./fake/retained";
import { securityCommands } from "./fake/security";
import { statusCommands } from "./fake/status";
import { messageCommands } from "./fake/topicmessages";
import { treeCommands } from "./fake/treerows";
import { World } from "./fake/world";
import type { Host } from "./host";

/** The commands, and handles on them for tests. */
export class FakeHost {
  /** What was copied, newest last: for tests. */
  readonly copied: string[] = [];
  /** How often each command was called. */
  readonly calls = new Map<string, number>();
  /** Tests set it to make a command fail: `host.failing.add("publisherPublish")`. */
  readonly failing = new Set<string>();
  /** Tests set it to make every command hang from now on. */
  stalled = false;

  constructor(options: URLSearchParams) {
    const world = new World(options);
    const history = new FakeHistory(world);
    const publisher = new FakePublisher(world);
    const commands: Host = {
      ...statusCommands(world, options),
      ...accountCommands(world, options),
      ...authorityCommands(options),
      ...overviewCommands(world, history, publisher, options),
      ...treeCommands(world),
      ...messageCommands(world, history),
      ...clientCommands(world, publisher),
      ...queueCommands(world),
      ...history.commands,
      ...exportCommands(world, history, options, this.copied),
      ...keepingCommands(world, options),
      ...securityCommands(world, options),
      ...banCommands(world, options),
      ...listenerCommands(world, options),
      ...logCommands(world, options),
      ...plotCommands(world, options),
      ...retainedCommands(world),
      ...pastCommands(world),
      ...publisher.commands,
      copy: async (text) => void this.copied.push(text),
    };
    if (options.has("stall")) setTimeout(() => (this.stalled = true), 3000);
    this.#instrument(commands, Number(options.get("delay") ?? 0));
  }

  // Each command is counted, can be made to fail or to hang, and answers as asynchronously as the real one.
  #instrument(commands: Host, delay: number): void {
    for (const [name, command] of Object.entries(commands) as [keyof Host, (...args: unknown[]) => unknown][]) {
      const instrumented = async (...args: unknown[]) => {
        this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
        if (this.stalled) await new Promise(() => {});
        if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
        if (this.failing.has(name)) throw fault("That did not work", "The test wants it so.", "Try again.");
        return command(...args);
      };
      Object.assign(this, { [name]: instrumented });
    }
  }
}
// Assigned above, one by one.
export interface FakeHost extends Host {}

export function fakeHost(options: URLSearchParams): FakeHost {
  return new FakeHost(options);
}
