// The accounts: their list, and what can be done with the selected one.

import { asFault } from "../host/fault";
import type { AccountImport } from "../host/types/AccountImport";
import type { AccountRow } from "../host/types/AccountRow";
import type { AccountRows } from "../host/types/AccountRows";
import type { Fault } from "../host/types/Fault";
import { plural } from "../lib/format";
import { shorten } from "../lib/shorten";
import type { App } from "./app.svelte";
import { HeldRows } from "./heldrows.svelte";
import { MosquittoFile } from "./mosquittofile.svelte";
import { NewAccount } from "./newaccount.svelte";

export class Accounts {
  readonly table: HeldRows<AccountRow, AccountRows>;
  filter = $state("");
  /** One that is being made. */
  fresh = $state.raw<NewAccount | undefined>(undefined);
  /** The account that gets another password. */
  changing = $state.raw<PasswordChange | undefined>(undefined);
  /** A password file that is being chosen. */
  importing = $state.raw<MosquittoFile | undefined>(undefined);
  busy = $state(false);
  fault = $state.raw<Fault | undefined>(undefined);
  #app: App;

  constructor(app: App) {
    this.#app = app;
    this.table = new HeldRows(
      app,
      (row) => row.name,
      (first, count) => app.host.accountRows({ filter: this.filter, first, count }),
    );
  }

  setFilter(filter: string): void {
    this.filter = filter;
    this.table.act();
  }

  async add(name = "devices"): Promise<void> {
    this.fault = undefined;
    try {
      const password = await this.#app.host.generatePassword();
      this.fresh = new NewAccount(this.#app.host, password, async (login) => {
        this.filter = "";
        void this.table.find(login.name);
      });
      this.fresh.name = name;
    } catch (error) {
      this.fault = asFault(error);
    }
  }

  /** Begins to take over a password file. */
  import(): void {
    const { host, toasts } = this.#app;
    this.importing = new MosquittoFile(host, "Choose a password file of mosquitto", async (file) => {
      const imported = await host.importAccounts(file);
      this.importing = undefined;
      toasts.say(importedInWords(imported));
      this.filter = "";
      this.table.act();
    });
  }

  /** Begins to give an account another password. */
  async changePassword(name: string): Promise<void> {
    this.fault = undefined;
    try {
      const password = await this.#app.host.generatePassword();
      this.changing = new PasswordChange(this.#app, name, password, () => this.table.act());
    } catch (error) {
      this.fault = asFault(error);
    }
  }

  async setDisabled(row: AccountRow, disabled: boolean): Promise<void> {
    if (disabled && row.clients > 0) {
      const yes = await this.#app.dialogs.confirm({
        title: `Disable ${shorten(row.name, 60)}?`,
        body: [`${plural(row.clients, "client")} connected with it would be disconnected. It keeps its password.`],
        action: "Disable",
        danger: true,
      });
      if (!yes) return;
    }
    await this.#act(async () => {
      await this.#app.host.setAccountDisabled(row.name, disabled);
      this.#app.toasts.say(`${shorten(row.name, 60)} ${disabled ? "disabled" : "enabled"}`);
    });
  }

  async remove(row: AccountRow): Promise<void> {
    const yes = await this.#app.dialogs.confirm({
      title: `Delete the account ${shorten(row.name, 60)}?`,
      body: [
        row.clients > 0
          ? `${plural(row.clients, "client")} connected with it would be disconnected, and could not come back.`
          : "Nobody is connected with it at the moment.",
        "Rules for it stay, and hold again for an account of the same name.",
      ],
      action: "Delete",
      danger: true,
    });
    if (!yes) return;
    await this.#act(async () => {
      await this.#app.host.removeAccount(row.name);
      this.table.clearSelection();
      this.#app.toasts.say(`${shorten(row.name, 60)} deleted`);
    });
  }

  async #act(act: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.fault = undefined;
    try {
      await act();
    } catch (error) {
      this.fault = asFault(error);
    } finally {
      this.busy = false;
      this.table.act();
    }
  }
}

/** "3 accounts imported; devices was there already, and stays as it is". */
export function importedInWords({ added, kept, kept_names }: AccountImport): string {
  const words = added === 0 ? "Nobody new was in the file" : `${plural(added, "account")} imported`;
  if (kept === 0) return words;
  const names = kept_names.map((name) => shorten(name, 40));
  const who =
    kept > names.length ? `${names.join(", ")} and ${plural(kept - names.length, "other")}` : names.join(", ");
  return `${words}; ${who} ${kept === 1 ? "was there already, and stays as it is" : "were there already, and stay as they are"}`;
}

/** Another password for an account: what it will be, and then that it is. */
export class PasswordChange {
  readonly name: string;
  password = $state("");
  error = $state<string | undefined>(undefined);
  fault = $state.raw<Fault | undefined>(undefined);
  busy = $state(false);
  made = $state(false);
  #app: App;
  #then: () => void;

  constructor(app: App, name: string, password: string, then: () => void) {
    this.#app = app;
    this.name = name;
    this.password = password;
    this.#then = then;
  }

  regenerate = async (): Promise<void> => {
    this.fault = undefined;
    try {
      this.password = await this.#app.host.generatePassword();
    } catch (error) {
      this.fault = asFault(error);
    }
  };

  submit = async (): Promise<void> => {
    if (this.busy || this.made) return;
    this.error = this.password === "" ? "The password is empty." : undefined;
    if (this.error !== undefined) return;
    this.busy = true;
    this.fault = undefined;
    try {
      await this.#app.host.setAccountPassword(this.name, this.password);
      this.made = true;
      this.#then();
    } catch (error) {
      this.fault = asFault(error);
    } finally {
      this.busy = false;
    }
  };
}
