// The screen Clients: who is connected and which sessions wait, and one of them from close by.

import { Feed } from "../host/feed.svelte";
import { asFault } from "../host/fault";
import type { ClientDetail } from "../host/types/ClientDetail";
import type { ClientRow } from "../host/types/ClientRow";
import type { ClientRows } from "../host/types/ClientRows";
import type { ClientSort } from "../host/types/ClientSort";
import type { Fault } from "../host/types/Fault";
import { plural, duration } from "../lib/format";
import { shorten } from "../lib/shorten";
import type { App } from "./app.svelte";
import { BanDraft, knownOf } from "./bans.svelte";
import { HeldRows } from "./heldrows.svelte";
import { ClientQueue } from "./queue.svelte";

export type ClientTab = "subscriptions" | "session" | "queue" | "timeline";

export class Clients {
  readonly table: HeldRows<ClientRow, ClientRows>;
  readonly detail: Feed<ClientDetail>;
  readonly queue: ClientQueue;

  filter = $state("");
  onlyConnected = $state(false);
  sort = $state<ClientSort>("name");
  descending = $state(false);
  tab = $state<ClientTab>("subscriptions");
  /** What the subscriptions of the selected client must contain. */
  search = $state("");
  /** A ban that is being written. */
  banning = $state.raw<BanDraft | undefined>(undefined);
  disconnecting = $state(false);
  /** Why the selected client was not disconnected. */
  fault = $state.raw<Fault | undefined>(undefined);
  inspectorWidth = $state(348);

  #app: App;
  #of: string | undefined;

  constructor(app: App) {
    this.#app = app;
    this.table = new HeldRows(
      app,
      (row) => row.client,
      (first, count) =>
        app.host.clientRows({
          filter: this.filter,
          only_connected: this.onlyConnected,
          sort: this.sort,
          descending: this.descending,
          first,
          count,
        }),
    );
    this.detail = new Feed(app, () => app.host.clientDetail(this.table.selected ?? ""));
    this.queue = new ClientQueue(app);
  }

  /** The selected client, as soon as its detail is there; the one before stays in sight until then. */
  readonly shown = $derived.by<ClientDetail | undefined>(() => {
    const data = this.detail.data;
    if (this.table.selected === undefined) return undefined;
    return this.detail.fault !== undefined && data?.row.client !== this.table.selected ? undefined : data;
  });

  readonly subscriptions = $derived.by(() => {
    const all = this.shown?.subscriptions ?? [];
    const text = this.search.toLowerCase();
    return text === "" ? all : all.filter(({ filter }) => filter.toLowerCase().includes(text));
  });

  setFilter(filter: string): void {
    this.filter = filter;
    this.table.act();
  }

  setOnlyConnected(only: boolean): void {
    this.onlyConnected = only;
    this.table.act();
  }

  setSort(sort: ClientSort, descending: boolean): void {
    this.sort = sort;
    this.descending = descending;
    this.table.act();
  }

  deselect(): boolean {
    if (this.table.selected === undefined) return false;
    if (this.tab === "queue" && this.queue.escape()) return true;
    this.table.clearSelection();
    return true;
  }

  /** Another screen sent the user here; answers where the client is. */
  async open(client: string): Promise<number> {
    this.filter = "";
    this.onlyConnected = false;
    return this.table.find(client);
  }

  /** After the selection has changed: asks for the other client, and forgets what belonged to the one before. */
  follow(client: string | undefined): void {
    if (client === this.#of) return;
    this.#of = client;
    this.search = "";
    this.queue.follow(client);
    this.fault = undefined;
    this.detail.fault = undefined;
    this.detail.refresh();
  }

  /** Begins a ban of the client that is shown. */
  ban(): void {
    const row = this.shown?.row;
    if (row) this.banning = new BanDraft(this.#app, knownOf(row.client, row.user_name, row.address));
  }

  async saveBan(): Promise<void> {
    const draft = this.banning;
    const number = await draft?.submit();
    if (!draft || number === undefined) return;
    this.banning = undefined;
    this.#app.toasts.say(`${shorten(draft.who, 60)} is banned`, () => {
      this.#app.host.liftBan(number).catch((error: unknown) => this.#app.complain(error));
    });
    this.detail.refresh();
    this.table.feed.refresh();
  }

  async disconnect(): Promise<void> {
    const detail = this.shown;
    if (!detail || this.disconnecting) return;
    const { client } = detail.row;
    const yes = await this.#app.dialogs.confirm({
      title: `Disconnect ${shorten(client, 80)}?`,
      body: [
        "The broker closes its connection with the reason “Administrative action” (0x98). Most clients connect again by themselves.",
        fateOf(detail),
      ],
      action: "Disconnect",
      danger: true,
    });
    if (!yes) return;
    this.disconnecting = true;
    this.fault = undefined;
    try {
      await this.#app.host.disconnectClient(client);
      this.#app.toasts.say(`${shorten(client, 60)} disconnected`);
    } catch (error) {
      // The user may look at another client by now; its pane is not the place to complain.
      if (this.table.selected === client) this.fault = asFault(error);
      else this.#app.complain(error);
    } finally {
      this.disconnecting = false;
      this.detail.refresh();
      this.table.feed.refresh();
    }
  }
}

/** What becomes of a client that is disconnected, in a sentence. */
export function fateOf({ row, session_expiry_interval, subscriptions }: ClientDetail): string {
  if (row.is_window)
    return "It is this window's own connection: what Publish subscribes to stops arriving until you connect again.";
  if (session_expiry_interval === 0) {
    return subscriptions.length === 0
      ? "Its session ends with the connection."
      : `Its session ends with the connection, and its ${plural(subscriptions.length, "subscription")} with it.`;
  }
  const kept = session_expiry_interval === null ? "until it comes back" : `for ${duration(session_expiry_interval)}`;
  return `Its session is kept ${kept}, and messages for it wait.`;
}

/** "after 1 d", "with the connection", "never". */
export function expiryOf(seconds: number | null): string {
  if (seconds === null) return "Never";
  return seconds === 0 ? "With the connection" : `${duration(seconds)} after the connection`;
}
