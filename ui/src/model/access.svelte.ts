// Who may connect: the choice on the first-run card and on Overview, and the first login that goes with it.

import { asFault } from "../host/fault";
import type { Access } from "../host/types/Access";
import type { Fault } from "../host/types/Fault";
import { plural } from "../lib/format";
import type { App } from "./app.svelte";
import { NewAccount, type Login } from "./newaccount.svelte";

interface Option {
  value: Access;
  label: string;
  /** Where there is little room. */
  short: string;
  title: string;
  recommended?: boolean;
}

export const accessOptions: readonly Option[] = [
  {
    value: "this_computer",
    label: "This computer only",
    short: "This computer",
    title: "Programs on this computer, nobody else.",
  },
  {
    value: "password",
    label: "Devices on my network, with a password",
    short: "With a password",
    title: "Whoever has a login of yours.",
    recommended: true,
  },
  {
    value: "anyone",
    label: "Anyone on my network",
    short: "Anyone",
    title: "Every device that reaches this computer, without a password.",
  },
];

const DONE: Record<Access, string> = {
  this_computer: "Only this computer may connect",
  password: "Devices with a password may connect",
  anyone: "Anyone on your network may connect",
};

export class AccessSwitch {
  busy = $state(false);
  fault = $state.raw<Fault | undefined>(undefined);
  /** An account is being made, or has just been. */
  account = $state.raw<NewAccount | undefined>(undefined);
  /** The account that was made last: its password is known to nobody else, and to this window only while it is open. */
  login = $state.raw<Login | undefined>(undefined);
  #app: App;

  constructor(app: App) {
    this.#app = app;
  }

  /** Asks before it opens the broker; takes effect at once. */
  choose = async (access: Access): Promise<void> => {
    if (this.busy) return;
    this.fault = undefined;
    try {
      if (access === "anyone" && !(await this.#agreesToAnyone())) return;
      if (access === "password") {
        const accounts = (await this.#app.host.accounts()).filter((account) => !account.disabled);
        if (accounts.length === 0) return await this.makeAccount(() => this.#open(access));
        if (!(await this.#agreesToAccounts(accounts.map(({ name }) => name)))) return;
      }
      await this.#open(access);
    } catch (error) {
      this.fault = asFault(error);
    }
  };

  /** Lets the user make an account; `then` is done once it is made. */
  makeAccount = async (then?: () => Promise<void>): Promise<void> => {
    this.fault = undefined;
    try {
      const password = await this.#app.host.generatePassword();
      this.account = new NewAccount(this.#app.host, password, async (login) => {
        this.login = login;
        await then?.();
      });
    } catch (error) {
      this.fault = asFault(error);
    }
  };

  closeAccount = (): void => {
    this.account = undefined;
  };

  async #open(access: Access): Promise<void> {
    this.busy = true;
    try {
      this.#app.status.data = await this.#app.host.setAccess(access);
      this.#app.toasts.say(DONE[access]);
    } finally {
      this.busy = false;
    }
  }

  #agreesToAnyone(): Promise<boolean> {
    return this.#app.dialogs.confirm({
      title: "Let anyone on your network connect?",
      body: [
        "Every device that reaches this computer can then connect without a password, publish messages, and read all of them.",
        "You can go back to “This computer only” at any time.",
      ],
      action: "Let anyone connect",
    });
  }

  #agreesToAccounts(names: string[]): Promise<boolean> {
    const some = names.slice(0, 3).join(", ");
    const rest = names.length > 3 ? ` and ${plural(names.length - 3, "other")}` : "";
    return this.#app.dialogs.confirm({
      title: "Let devices in that have a password?",
      body: [
        `Whoever has the password of an account can then connect from your network: ${some}${rest}.`,
        "Programs on this computer go on without one. You can go back to “This computer only” at any time.",
      ],
      action: "Let them in",
    });
  }
}
