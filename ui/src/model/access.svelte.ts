// Who may connect: the switch on the first-run card and on Overview.

import { asFault } from "../host/fault";
import type { Access } from "../host/types/Access";
import type { Fault } from "../host/types/Fault";
import type { App } from "./app.svelte";

interface Option {
  value: Access;
  label: string;
  title: string;
}

const always: readonly Option[] = [
  { value: "this_computer", label: "This computer only", title: "Programs on this computer, nobody else" },
  {
    value: "anyone",
    label: "Anyone on my network",
    title: "Every device that reaches this computer, without a password",
  },
];

const password: Option = {
  value: "password",
  label: "With a password",
  title: "Whoever has an account, and programs on this computer; nightjar.toml says so",
};

/** Passwords come from `nightjar.toml`: the switch shows them where they are on, and leads away from them. */
export function accessOptions(access: Access): readonly Option[] {
  return access === "password" ? [...always, password] : always;
}

export class AccessSwitch {
  busy = $state(false);
  fault = $state.raw<Fault | undefined>(undefined);
  #app: App;

  constructor(app: App) {
    this.#app = app;
  }

  /** Asks before it opens the broker; takes effect at once. */
  choose = async (access: Access): Promise<void> => {
    if (this.busy) return;
    this.fault = undefined;
    if (access === "anyone") {
      const agreed = await this.#app.dialogs.confirm({
        title: "Let anyone on your network connect?",
        body: [
          "Every device that reaches this computer can then connect without a password, publish messages, and read all of them.",
          "You can go back to “This computer only” at any time.",
        ],
        action: "Let anyone connect",
      });
      if (!agreed) return;
    }
    this.busy = true;
    try {
      this.#app.status.data = await this.#app.host.setAccess(access);
      this.#app.toasts.say(
        access === "anyone" ? "Anyone on your network may connect" : "Only this computer may connect",
      );
    } catch (error) {
      this.fault = asFault(error);
    }
    this.busy = false;
  };
}
