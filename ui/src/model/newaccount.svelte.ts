// An account that is being made: its fields, what is wrong with them, and the password, which is shown this once.

import { asFault } from "../host/fault";
import type { Host } from "../host/host";
import type { AccountErrors } from "../host/types/AccountErrors";
import type { Fault } from "../host/types/Fault";

export interface Login {
  name: string;
  password: string;
}

export class NewAccount {
  name = $state("devices");
  password = $state("");
  errors = $state.raw<AccountErrors>({ name: null, password: null });
  /** Where it belongs to no field. */
  fault = $state.raw<Fault | undefined>(undefined);
  busy = $state(false);
  /** What was made: from then on the password is only shown. */
  made = $state.raw<Login | undefined>(undefined);
  #host: Host;
  #then: (login: Login) => Promise<void>;

  constructor(host: Host, password: string, then: (login: Login) => Promise<void>) {
    this.#host = host;
    this.password = password;
    this.#then = then;
  }

  regenerate = async (): Promise<void> => {
    this.fault = undefined;
    try {
      this.password = await this.#host.generatePassword();
    } catch (error) {
      this.fault = asFault(error);
    }
  };

  submit = async (): Promise<void> => {
    if (this.busy || this.made) return;
    this.busy = true;
    this.fault = undefined;
    try {
      const { name, password } = this;
      this.errors = await this.#host.addAccount(name, password);
      if (this.errors.name !== null || this.errors.password !== null) return;
      // Whatever comes after it: it is there, and nobody can show its password later.
      this.made = { name, password };
      await this.#then(this.made);
    } catch (error) {
      this.fault = asFault(error);
    } finally {
      this.busy = false;
    }
  };
}
