// What a search found, written to a file: which file, how far it is, and the way to stop it.

import { asFault } from "../host/fault";
import type { Host } from "../host/host";
import type { ExportFormat } from "../host/types/ExportFormat";
import type { Fault } from "../host/types/Fault";
import type { HistoryExport } from "../host/types/HistoryExport";
import type { HistoryQuery } from "../host/types/HistoryQuery";

const PERIOD = 200;
const ENDINGS: Record<ExportFormat, string> = { json_lines: "jsonl", csv: "csv" };

export class Exporting {
  file = $state("");
  format = $state<ExportFormat>("json_lines");
  progress = $state.raw<HistoryExport | undefined>(undefined);
  fault = $state.raw<Fault | undefined>(undefined);

  readonly running = $derived(this.progress !== undefined && this.progress.written === null);
  readonly written = $derived(this.progress?.written ?? undefined);

  #host: Host;
  #query: HistoryQuery;
  #stopping = false;

  constructor(host: Host, query: HistoryQuery) {
    this.#host = host;
    this.#query = query;
  }

  /** Proposes a file that bears the time. */
  async propose(now: Date): Promise<void> {
    const directory = await this.#host.exportDirectory().catch(() => null);
    if (this.file !== "") return;
    const digits = (n: number) => String(n).padStart(2, "0");
    const day = `${now.getFullYear()}-${digits(now.getMonth() + 1)}-${digits(now.getDate())}`;
    const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(digits).join("");
    this.file = `${directory ?? ""}/nightjar-${day}-${time}.${ENDINGS[this.format]}`;
  }

  /** The name follows, where it ends as the other format does. */
  choose(format: ExportFormat): void {
    const ending = `.${ENDINGS[this.format]}`;
    if (this.file.endsWith(ending)) this.file = `${this.file.slice(0, -ending.length)}.${ENDINGS[format]}`;
    this.format = format;
  }

  async begin(): Promise<void> {
    this.fault = undefined;
    this.#stopping = false;
    try {
      let now: HistoryExport | null = await this.#host.exportBegin(this.#query, this.format, this.file);
      while (now !== null) {
        this.progress = now;
        if (now.written !== null) return;
        await new Promise((resolve) => setTimeout(resolve, PERIOD));
        now = await this.#host.exportLook();
      }
    } catch (error) {
      this.progress = undefined;
      // Who stops it needs not be told.
      if (!this.#stopping) this.fault = asFault(error);
    }
  }

  cancel(): void {
    if (!this.running) return;
    this.#stopping = true;
    void this.#host.exportCancel().catch((error: unknown) => (this.fault = asFault(error)));
  }
}
