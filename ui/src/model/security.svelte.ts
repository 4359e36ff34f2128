// The screen Security: who may connect, with which account, and what they may do then.

import { Feed } from "../host/feed.svelte";
import { asFault } from "../host/fault";
import type { DenialRow } from "../host/types/DenialRow";
import type { CertificateInfo } from "../host/types/CertificateInfo";
import { shorten } from "../lib/shorten";
import { Accounts } from "./accounts.svelte";
import type { App } from "./app.svelte";
import { Bans, knownOf } from "./bans.svelte";
import { Denials } from "./denials.svelte";
import { Listeners } from "./listeners.svelte";
import { Rules } from "./rules.svelte";
import { RuleTest } from "./ruletest.svelte";

export type SecurityTab = "accounts" | "rules" | "bans" | "denials";

/** Milliseconds: a certificate changes seldom. */
const CERTIFICATE_PERIOD = 5000;

export class Security {
  readonly certificate: Feed<CertificateInfo | null>;
  readonly listeners: Listeners;
  readonly accounts: Accounts;
  readonly rules: Rules;
  readonly test: RuleTest;
  readonly bans: Bans;
  readonly denials: Denials;
  tab = $state<SecurityTab>("accounts");
  inspectorWidth = $state(300);
  #app: App;

  constructor(app: App) {
    this.#app = app;
    this.certificate = new Feed(app, () => app.host.ownCertificate(), CERTIFICATE_PERIOD);
    this.listeners = new Listeners(app);
    this.accounts = new Accounts(app);
    this.rules = new Rules(app);
    this.test = new RuleTest(app);
    this.bans = new Bans(app);
    this.denials = new Denials(app);
  }

  /** Clears what is selected on the tab that is open; false where nothing was. */
  deselect(): boolean {
    const { table } = this[this.tab];
    if (table.selected === undefined) return false;
    table.clearSelection();
    return true;
  }

  /** Shows the rule that decided something. */
  async showRule(number: number): Promise<void> {
    this.rules.filter = "";
    this.tab = "rules";
    await this.rules.table.find(String(number));
  }

  /** Asks whether the client shall be allowed what it was denied, and what that takes. */
  async allow(denial: DenialRow): Promise<void> {
    const { remedy } = denial;
    if (remedy === null) return;
    const client = shorten(denial.client === "" ? "this client" : denial.client, 60);
    switch (remedy.kind) {
      case "rule":
        this.tab = "rules";
        this.rules.propose(remedy.rule);
        return;
      case "account":
        this.tab = "accounts";
        await this.accounts.add(remedy.name);
        return;
      case "password":
        this.tab = "accounts";
        await this.accounts.changePassword(remedy.name);
        return;
      case "enable": {
        const yes = await this.#app.dialogs.confirm({
          title: `Enable ${shorten(remedy.name, 60)} again?`,
          body: [`${client} wanted to log in with this account, which is disabled.`],
          action: "Enable",
        });
        if (!yes) return;
        try {
          await this.#app.host.setAccountDisabled(remedy.name, false);
          this.#app.toasts.say(`${shorten(remedy.name, 60)} enabled`);
        } catch (error) {
          this.#app.complain(asFault(error));
        }
      }
    }
  }

  /** Begins a ban of somebody who was denied something. */
  ban({ client, user, address }: DenialRow): void {
    this.tab = "bans";
    this.bans.add(knownOf(client, user, address));
  }

  /** Puts the question of a denial into the box that tests rules. */
  ask(denial: DenialRow): void {
    if (denial.operation === "connect") return;
    this.tab = "rules";
    this.test.set({
      client: denial.client,
      user: denial.user ?? "",
      operation: denial.operation === "subscribe" ? "subscribe" : "publish",
      topic: denial.topic,
    });
  }
}
