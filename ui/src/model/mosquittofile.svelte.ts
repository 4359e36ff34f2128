// A file of mosquitto that is taken over: which one, and what went wrong with it.

import { asFault } from "../host/fault";
import type { Fault } from "../host/types/Fault";
import type { Host } from "../host/host";

export class MosquittoFile {
  file = $state("");
  busy = $state(false);
  fault = $state.raw<Fault | undefined>(undefined);
  #host: Host;
  #title: string;
  #take: (file: string) => Promise<void>;

  /** `title`: of the desktop's own dialog. `take` does it, and closes what asked. */
  constructor(host: Host, title: string, take: (file: string) => Promise<void>) {
    this.#host = host;
    this.#title = title;
    this.#take = take;
  }

  choose = async (): Promise<void> => {
    this.fault = undefined;
    try {
      this.file = (await this.#host.chooseFile(this.#title)) ?? this.file;
    } catch (error) {
      this.fault = asFault(error);
    }
  };

  submit = async (): Promise<void> => {
    const file = this.file.trim();
    if (this.busy || file === "") return;
    this.busy = true;
    this.fault = undefined;
    try {
      await this.#take(file);
    } catch (error) {
      this.fault = asFault(error);
    } finally {
      this.busy = false;
    }
  };
}
