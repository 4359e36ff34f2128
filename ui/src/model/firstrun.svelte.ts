// What the first-run card asks besides the status: whose passwords there are, and what may keep devices away.

import type { Access } from "../host/types/Access";
import type { AccountRow } from "../host/types/AccountRow";
import type { FirewallHint } from "../host/types/FirewallHint";
import { plural } from "../lib/format";
import type { App } from "./app.svelte";
import type { Login } from "./newaccount.svelte";

/** Stands where nobody but the user knows what it is. */
const UNKNOWN = "PASSWORD";

export class FirstRun {
  firewall = $state.raw<FirewallHint | undefined>(undefined);
  #accounts = $state.raw<AccountRow[]>([]);
  #app: App;

  constructor(app: App) {
    this.#app = app;
  }

  /** Asks again: who may connect has changed. */
  async look(access: Access): Promise<void> {
    if (access === "this_computer") return;
    try {
      const { host } = this.#app;
      const [firewall, accounts] = await Promise.all([host.firewall(), access === "password" ? host.accounts() : []]);
      this.firewall = firewall ?? undefined;
      this.#accounts = accounts.filter((account) => !account.disabled);
    } catch (error) {
      this.#app.complain(error);
    }
  }

  /** Whose login devices use, in few words. */
  get accounts(): string {
    const [first] = this.#accounts;
    if (!first) return "Nobody has one yet";
    return this.#accounts.length === 1 ? first.name : `${first.name}, or ${plural(this.#accounts.length - 1, "other")}`;
  }

  /** For the lines to copy, where the password is not known any more. */
  get login(): Login {
    return { name: this.#accounts[0]?.name ?? "USER", password: UNKNOWN };
  }
}
