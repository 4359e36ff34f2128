// The rules: their list, a rule that is being written, and what a change would take from whom before it holds.

import { asFault } from "../host/fault";
import type { Fault } from "../host/types/Fault";
import type { RuleChange } from "../host/types/RuleChange";
import type { RuleDraft as Wanted } from "../host/types/RuleDraft";
import type { RuleImpact } from "../host/types/RuleImpact";
import type { RuleOperations } from "../host/types/RuleOperations";
import type { RuleRow } from "../host/types/RuleRow";
import type { RuleRows } from "../host/types/RuleRows";
import type { RuleSubject } from "../host/types/RuleSubject";
import { plural } from "../lib/format";
import { shorten } from "../lib/shorten";
import { filterError } from "../lib/topicfilter";
import type { App } from "./app.svelte";
import { HeldRows } from "./heldrows.svelte";
import { MosquittoFile } from "./mosquittofile.svelte";

/** A rule that is being written. */
export class RuleDraft {
  /** Absent for a new one. */
  readonly number: number | undefined;
  /** Where a new one goes: before that rule, else at the end. */
  readonly before: number | undefined;
  who = $state<RuleSubject["kind"]>("everybody");
  account = $state("");
  operations = $state<RuleOperations>("both");
  filter = $state("");
  allow = $state(true);
  busy = $state(false);
  /** Why it was not saved. */
  fault = $state.raw<Fault | undefined>(undefined);
  /** The user has tried to save it: what is missing is said. */
  tried = $state(false);

  constructor(of: Partial<Wanted> = {}) {
    this.number = of.number ?? undefined;
    this.before = of.before ?? undefined;
    this.who = of.subject?.kind ?? "everybody";
    this.account = of.subject?.kind === "account" ? of.subject.name : "";
    this.operations = of.operations ?? "both";
    this.filter = of.filter ?? "";
    this.allow = of.allow ?? true;
  }

  readonly filterError = $derived.by(() => {
    if (this.filter === "") return this.tried ? "Write a topic filter, such as home/#." : undefined;
    if (this.filter.startsWith("$share/")) return "A rule is for the filter behind the share's name: leave $share out.";
    return filterError(this.filter) ?? undefined;
  });
  readonly accountError = $derived(
    this.who === "account" && this.account === "" && this.tried ? "Write the name of an account." : undefined,
  );
  readonly valid = $derived(
    this.filter !== "" && this.filterError === undefined && (this.who !== "account" || this.account !== ""),
  );

  get wanted(): Wanted {
    return {
      number: this.number ?? null,
      before: this.before ?? null,
      subject: this.who === "account" ? { kind: "account", name: this.account } : { kind: this.who },
      operations: this.operations,
      filter: this.filter,
      allow: this.allow,
    };
  }
}

export class Rules {
  readonly table: HeldRows<RuleRow, RuleRows>;
  filter = $state("");
  draft = $state.raw<RuleDraft | undefined>(undefined);
  /** An ACL file that is being chosen. */
  importing = $state.raw<MosquittoFile | undefined>(undefined);
  busy = $state(false);
  fault = $state.raw<Fault | undefined>(undefined);
  #app: App;

  constructor(app: App) {
    this.#app = app;
    this.table = new HeldRows(
      app,
      (row) => String(row.number),
      (first, count) => app.host.ruleRows({ filter: this.filter, first, count }),
    );
  }

  get otherwiseAllows(): boolean {
    return this.table.feed.data?.otherwise_allows ?? true;
  }

  setFilter(filter: string): void {
    this.filter = filter;
    this.table.act();
  }

  /** Begins a new rule above the selected one, where there is one: an exception stands above what it is an exception of. */
  add(): void {
    const above = this.table.selectedRow;
    this.draft = new RuleDraft(above ? { before: above.number } : {});
  }

  edit(row: RuleRow | undefined = this.table.selectedRow): void {
    if (row) this.draft = new RuleDraft({ ...row, before: null });
  }

  /** A rule that somebody else proposes: it goes to the top, so that it decides. */
  propose(wanted: Partial<Wanted>): void {
    this.draft = new RuleDraft({ ...wanted, before: wanted.before ?? this.table.row(0)?.number ?? null });
  }

  async save(): Promise<void> {
    const { draft } = this;
    if (!draft || draft.busy) return;
    draft.tried = true;
    if (!draft.valid) return;
    draft.busy = true;
    draft.fault = undefined;
    try {
      if (!(await this.#change({ kind: "put", rule: draft.wanted }))) return;
      this.draft = undefined;
      this.#app.toasts.say(draft.number === undefined ? "The rule holds" : `Rule ${draft.number} is changed`);
    } catch (error) {
      draft.fault = asFault(error);
    } finally {
      draft.busy = false;
    }
  }

  async remove(row: RuleRow | undefined = this.table.selectedRow): Promise<void> {
    if (!row) return;
    const { number, ...rest } = row;
    const below = this.table.row(this.table.index + 1)?.number ?? null;
    await this.#act({ kind: "remove", number }, () => {
      this.table.clearSelection();
      this.#app.toasts.say(`Rule ${number} deleted`, () => {
        const again = { ...rest, number: null, before: below };
        void this.#act({ kind: "put", rule: again }, () => {});
      });
    });
  }

  /** Moves the selected rule one place up or down. */
  async move(by: 1 | -1): Promise<void> {
    const { index } = this.table;
    const row = this.table.selectedRow;
    const other = this.table.row(index + by);
    // Among some of the rules, one place has no meaning.
    if (!row || !other || this.filter !== "") return;
    const before = by === -1 ? other.number : (this.table.row(index + 2)?.number ?? null);
    await this.#act({ kind: "move", number: row.number, before }, () => {});
  }

  async setOtherwise(allow: boolean): Promise<void> {
    await this.#act({ kind: "otherwise", allow }, () => {
      this.#app.toasts.say(allow ? "Otherwise everything is allowed" : "Otherwise nothing is allowed");
    });
  }

  /** Begins to take over an ACL file. */
  import(): void {
    this.importing = new MosquittoFile(this.#app.host, "Choose an ACL file of mosquitto", async (file) => {
      if (!(await this.#change({ kind: "import", file }))) return;
      this.importing = undefined;
      this.filter = "";
      this.table.clearSelection();
      this.#app.toasts.say("The rules of the file hold");
    });
  }

  async #act(change: RuleChange, then: () => void): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.fault = undefined;
    try {
      if (await this.#change(change)) then();
    } catch (error) {
      this.fault = asFault(error);
    } finally {
      this.busy = false;
    }
  }

  /** Asks first where somebody would lose something; answers whether it was done. */
  async #change(change: RuleChange): Promise<boolean> {
    const { host, dialogs } = this.#app;
    const impact = await host.ruleImpact(change);
    if (impact.everybody || impact.losing > 0) {
      const yes = await dialogs.confirm({
        title: impact.everybody ? "Lock everybody out?" : `Take something from ${plural(impact.losing, "client")}?`,
        body: impactInWords(impact),
        action: impact.everybody ? "Lock everybody out" : "Change the rules",
        danger: true,
      });
      if (!yes) return false;
    }
    await host.changeRules(change);
    this.table.act();
    return true;
  }
}

/** Who would lose what, in sentences. */
export function impactInWords({ everybody, losing, clients }: RuleImpact): string[] {
  const lines: string[] = [];
  if (everybody) lines.push("Nobody could publish or subscribe to anything any more. Connections stay.");
  for (const { client, publish, subscribe } of clients) {
    const name = client === "" ? "A client without a name" : shorten(client, 60);
    const parts = [
      publish.length > 0 ? `publish to ${list(publish)}` : "",
      subscribe.length > 0 ? `read ${list(subscribe)}` : "",
    ].filter((part) => part !== "");
    lines.push(`${name} could no longer ${parts.join(", nor ")}.`);
  }
  if (losing > clients.length) lines.push(`And ${plural(losing - clients.length, "other client")}.`);
  return lines;
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => shorten(name, 60));
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}

/** "Account plc", "Everybody". */
export function subjectInWords(subject: RuleSubject): string {
  if (subject.kind === "account") return subject.name;
  return subject.kind === "everybody" ? "Everybody" : "No account";
}

export const operationsInWords: Record<RuleOperations, string> = {
  publish: "publish",
  subscribe: "subscribe",
  both: "publish, subscribe",
};
