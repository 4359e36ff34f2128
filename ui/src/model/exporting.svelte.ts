// What a search found, or what was picked of it, written to a file: which file, how far it is, and the way to stop it.

import { asFault } from "../host/fault";
import type { Host } from "../host/host";
import type { ExportFormat } from "../host/types/ExportFormat";
import type { Fault } from "../host/types/Fault";
import type { HistoryExport } from "../host/types/HistoryExport";
import type { HistoryPick } from "../host/types/HistoryPick";
import type { HistoryQuery } from "../host/types/HistoryQuery";

const PERIOD = 200;
const ENDINGS: Record<ExportFormat, string> = { json_lines: "jsonl", csv: "csv" };

export class Exporting {
  format = $state<ExportFormat>("json_lines");
  /** The desktop's own dialog can't be had: the path is typed. */
  typed = $state(false);
  /** That path. */
  file = $state("");
  choosing = $state(false);
  progress = $state.raw<HistoryExport | undefined>(undefined);
  fault = $state.raw<Fault | undefined>(undefined);

  readonly running = $derived(this.progress !== undefined && this.progress.written === null);
  readonly written = $derived(this.progress?.written ?? undefined);

  #host: Host;
  #query: HistoryQuery;
  #picked: HistoryPick | undefined;
  #stopping = false;

  /** `picked`: only these, in the place of all that the query finds. */
  constructor(host: Host, query: HistoryQuery, picked?: HistoryPick) {
    this.#host = host;
    this.#query = query;
    this.#picked = picked;
  }

  /** The name follows, where it ends as the other format does. */
  choose(format: ExportFormat): void {
    const ending = `.${ENDINGS[this.format]}`;
    if (this.file.endsWith(ending)) this.file = `${this.file.slice(0, -ending.length)}.${ENDINGS[format]}`;
    this.format = format;
  }

  /** Asks where to, in the desktop's own way, and writes there. */
  async ask(now: Date): Promise<void> {
    if (this.choosing || this.running) return;
    this.fault = undefined;
    this.choosing = true;
    const name = proposed(this.format, now);
    try {
      const file = await this.#host.exportChoose(this.format, name);
      // Where the file is there already, that dialog has asked.
      if (file !== null) void this.#begin(file, true);
    } catch (error) {
      this.fault = asFault(error);
      const directory = await this.#host.exportDirectory().catch(() => null);
      if (this.file === "") this.file = `${directory ?? ""}/${name}`;
      this.typed = true;
    } finally {
      this.choosing = false;
    }
  }

  /** Writes to the path that was typed. */
  begin(): Promise<void> {
    return this.#begin(this.file, false);
  }

  async #begin(file: string, replace: boolean): Promise<void> {
    this.fault = undefined;
    this.#stopping = false;
    try {
      const picked = this.#picked ?? null;
      let now: HistoryExport | null = await this.#host.exportBegin(this.#query, picked, this.format, file, replace);
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

/** A name that bears the time. */
function proposed(format: ExportFormat, now: Date): string {
  const digits = (n: number) => String(n).padStart(2, "0");
  const day = `${now.getFullYear()}-${digits(now.getMonth() + 1)}-${digits(now.getDate())}`;
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(digits).join("");
  return `nightjar-${day}-${time}.${ENDINGS[format]}`;
}
