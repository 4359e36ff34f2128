// Bans: who is kept out, and a ban that is being written, with whom it would turn out.

import { asFault } from "../host/fault";
import type { BanDraft as Wanted } from "../host/types/BanDraft";
import type { BanImpact } from "../host/types/BanImpact";
import type { BanKind } from "../host/types/BanKind";
import type { BanRow } from "../host/types/BanRow";
import type { BanRows } from "../host/types/BanRows";
import type { Fault } from "../host/types/Fault";
import { plural } from "../lib/format";
import { shorten } from "../lib/shorten";
import type { App } from "./app.svelte";
import { HeldRows } from "./heldrows.svelte";

export const kindInWords: Record<BanKind, string> = { client: "Client", user: "User", address: "Address" };

const MINUTE = 60;
const DAY = 86_400;
/** Seconds by the choice's name. */
export const TERMS = {
  "10min": 10 * MINUTE,
  "1h": 60 * MINUTE,
  "1d": DAY,
  "7d": 7 * DAY,
  "30d": 30 * DAY,
  ever: null,
} as const;
export type Term = keyof typeof TERMS;

/** What is known of somebody who may be banned. */
export type Known = Partial<Record<BanKind, string>>;

/** Of a client, where addresses have a port: "192.168.1.7:50411". */
export function knownOf(client: string, user: string | null, address: string | null): Known {
  const host = address?.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return {
    ...(client === "" ? {} : { client }),
    ...(user === null || user === "" ? {} : { user }),
    ...(host ? { address: host } : {}),
  };
}

/** A ban that is being written. */
export class BanDraft {
  kind = $state<BanKind>("client");
  who = $state("");
  term = $state<Term>("1d");
  note = $state("");
  busy = $state(false);
  /** Of what is written, once it is known. */
  impact = $state.raw<BanImpact | undefined>(undefined);
  /** Why nobody was banned. */
  fault = $state.raw<Fault | undefined>(undefined);
  /** The user has tried: what is missing is said. */
  tried = $state(false);
  readonly known: Known;
  #app: App;
  #asked = 0;

  constructor(app: App, known: Known = {}) {
    this.#app = app;
    this.known = known;
    this.setKind((Object.keys(kindInWords) as BanKind[]).find((kind) => known[kind] !== undefined) ?? "client");
  }

  /** What is known of that kind takes the place of what was written. */
  setKind(kind: BanKind): void {
    this.kind = kind;
    this.who = this.known[kind] ?? "";
    this.ask();
  }

  /** What is wrong with what is written; while nothing is, nothing is said. */
  readonly error = $derived.by(() => {
    if (this.who === "" && !this.tried) return undefined;
    return this.impact?.error ?? undefined;
  });

  get wanted(): Wanted {
    return { kind: this.kind, who: this.who, seconds: TERMS[this.term], note: this.note };
  }

  /** Asks whom it would turn out. */
  ask(): void {
    void this.look();
  }

  async look(): Promise<BanImpact | undefined> {
    const asked = ++this.#asked;
    try {
      const impact = await this.#app.host.banImpact(this.wanted);
      // A later question is on its way.
      if (asked !== this.#asked) return undefined;
      this.fault = undefined;
      return (this.impact = impact);
    } catch (error) {
      if (asked === this.#asked) this.fault = asFault(error);
      return undefined;
    }
  }

  /** Bans, unless the user takes it back; answers whether it was done. */
  async submit(): Promise<number | undefined> {
    if (this.busy) return undefined;
    this.busy = true;
    this.tried = true;
    try {
      const impact = await this.look();
      if (!impact || impact.error !== null) return undefined;
      if (locksOut(impact) && !(await this.#agrees(impact))) return undefined;
      return await this.#app.host.ban(this.wanted);
    } catch (error) {
      this.fault = asFault(error);
      return undefined;
    } finally {
      this.busy = false;
    }
  }

  #agrees(impact: BanImpact): Promise<boolean> {
    const body = [];
    if (impact.this_computer)
      body.push("It means this computer: no program on it could connect, and this window could not publish.");
    if (impact.clients > 1 && impact.clients === impact.connected)
      body.push(`All ${impact.clients} clients that are connected would be disconnected, and could not come back.`);
    body.push("You can lift the ban in Security at any time.");
    return this.#app.dialogs.confirm({
      title: impact.this_computer ? "Keep this computer out?" : "Lock everybody out?",
      body,
      action: "Ban all the same",
      danger: true,
    });
  }
}

/** Whether a ban takes more than anybody is likely to want. */
export function locksOut({ this_computer, clients, connected }: BanImpact): boolean {
  return this_computer || (clients > 1 && clients === connected);
}

/** "press-04 is connected, and would be disconnected.": undefined where nothing is known yet. */
export function impactInWords(impact: BanImpact | undefined): string | undefined {
  if (!impact || impact.error !== null) return undefined;
  const { clients, named } = impact;
  if (clients === 0) return "Nobody who is connected is meant.";
  const shown = named.slice(0, 3).map((name) => (name === "" ? "a client without a name" : shorten(name, 40)));
  const more = clients - shown.length;
  const names = more > 0 ? `${shown.join(", ")} and ${plural(more, "other")}` : shown.join(", ");
  return `${names} would be disconnected, and kept out. Sessions, and what waits in them, stay.`;
}

export class Bans {
  readonly table: HeldRows<BanRow, BanRows>;
  filter = $state("");
  draft = $state.raw<BanDraft | undefined>(undefined);
  busy = $state(false);
  fault = $state.raw<Fault | undefined>(undefined);
  #app: App;

  constructor(app: App) {
    this.#app = app;
    this.table = new HeldRows(
      app,
      (row) => String(row.number),
      (first, count) => app.host.banRows({ filter: this.filter, first, count }),
    );
  }

  setFilter(filter: string): void {
    this.filter = filter;
    this.table.act();
  }

  /** Begins a ban. */
  add(known: Known = {}): void {
    this.draft = new BanDraft(this.#app, known);
  }

  async save(): Promise<void> {
    const { draft } = this;
    const number = await draft?.submit();
    if (!draft || number === undefined) return;
    this.draft = undefined;
    this.#app.toasts.say(`${shorten(draft.who, 60)} is banned`, () => void this.#lift(number));
    this.filter = "";
    void this.table.find(String(number));
  }

  /** Lets somebody in again; Undo bans them for what was left of their time. */
  async lift(row: BanRow | undefined = this.table.selectedRow): Promise<void> {
    if (!row || this.busy) return;
    const { kind, who, until, note } = row;
    if (!(await this.#lift(row.number))) return;
    this.table.clearSelection();
    this.#app.toasts.say(`${shorten(who, 60)} may connect again`, () => {
      const seconds = until === null ? null : Math.max(1, Math.ceil((until - this.#app.now) / 1000));
      void this.#act(() => this.#app.host.ban({ kind, who, seconds, note }));
    });
  }

  #lift(number: number): Promise<boolean> {
    return this.#act(() => this.#app.host.liftBan(number));
  }

  async #act(act: () => Promise<unknown>): Promise<boolean> {
    this.busy = true;
    this.fault = undefined;
    try {
      await act();
      return true;
    } catch (error) {
      this.fault = asFault(error);
      return false;
    } finally {
      this.busy = false;
      this.table.act();
    }
  }
}
