// The certificate that devices are told to trust: looked at, and saved as a file.

import { asFault } from "../host/fault";
import type { Authority } from "../host/types/Authority";
import type { Fault } from "../host/types/Fault";
import type { App } from "./app.svelte";

export class AuthorityView {
  data = $state.raw<Authority | undefined>(undefined);
  fault = $state.raw<Fault | undefined>(undefined);
  saving = $state(false);
  #app: App;

  constructor(app: App) {
    this.#app = app;
  }

  look = async (): Promise<void> => {
    this.fault = undefined;
    try {
      this.data = await this.#app.host.authority();
    } catch (error) {
      this.fault = asFault(error);
    }
  };

  save = async (): Promise<void> => {
    if (this.saving) return;
    this.fault = undefined;
    this.saving = true;
    try {
      const file = await this.#app.host.saveAuthority();
      if (file !== null) this.#app.toasts.say(`Saved as ${file}`);
    } catch (error) {
      this.fault = asFault(error);
    } finally {
      this.saving = false;
    }
  };
}
