// The listeners: their list, and one that is being opened or changed.

import { Feed } from "../host/feed.svelte";
import { asFault } from "../host/fault";
import type { Access } from "../host/types/Access";
import type { Fault } from "../host/types/Fault";
import type { ListenerDraft as Wanted } from "../host/types/ListenerDraft";
import type { ListenerKind } from "../host/types/ListenerKind";
import type { ListenerRow } from "../host/types/ListenerRow";
import { plural } from "../lib/format";
import type { App } from "./app.svelte";

export const kindsInWords: Record<ListenerKind, string> = {
  tcp: "MQTT",
  tls: "MQTT over TLS",
  web_socket: "WebSocket",
  web_socket_tls: "WebSocket over TLS",
};
/** The ports that clients expect. */
const USUAL: Record<ListenerKind, number> = { tcp: 1883, tls: 8883, web_socket: 8083, web_socket_tls: 8084 };

/** Milliseconds between two looks. */
const PERIOD = 1000;

/** One of `[[listener]]`: where it stands there, and what it says. */
export interface Written {
  place: number;
  written: Wanted;
  clients: number;
}

/** The one of `port` in the settings, of which nothing else can be set. */
export interface Main {
  port: number;
  clients: number;
}

/** A listener that is being opened or changed. */
export class ListenerDraft {
  /** Absent for a new one, and for the main one. */
  readonly of: Written | undefined;
  readonly main: Main | undefined;
  kind = $state<ListenerKind>("tls");
  /** Empty: all of this computer's, or those that only this computer reaches. */
  address = $state("");
  port = $state("");
  /** Empty: whoever may connect to the broker. */
  access = $state<Access | "">("");
  /** Files of the user's, instead of Nightjar's own. */
  ownFiles = $state(false);
  certificate = $state("");
  key = $state("");
  busy = $state(false);
  tried = $state(false);
  fault = $state.raw<Fault | undefined>(undefined);

  constructor(of?: Written | Main) {
    if (!of) {
      this.port = String(USUAL[this.kind]);
      return;
    }
    if ("port" in of) {
      this.main = of;
      this.kind = "tcp";
      this.port = String(of.port);
      return;
    }
    this.of = of;
    const { kind, address, port, access, certificate, key } = of.written;
    this.kind = kind;
    this.address = address ?? "";
    this.port = String(port);
    this.access = access ?? "";
    this.ownFiles = certificate !== null;
    this.certificate = certificate ?? "";
    this.key = key ?? "";
  }

  readonly hasTls = $derived(this.kind === "tls" || this.kind === "web_socket_tls");
  readonly portError = $derived.by(() => {
    const port = Number(this.port);
    if (/^\d+$/.test(this.port.trim()) && port >= 1 && port <= 65_535) return undefined;
    return this.port === "" && !this.tried ? undefined : "Write a whole number from 1 to 65535.";
  });
  readonly certificateError = $derived(this.#fileError(this.certificate));
  readonly keyError = $derived(this.#fileError(this.key));
  readonly valid = $derived(
    this.portError === undefined && this.certificateError === undefined && this.keyError === undefined,
  );

  #fileError(path: string): string | undefined {
    if (!this.hasTls || !this.ownFiles || !this.tried || path.startsWith("/") || /^[A-Za-z]:\\/.test(path)) return;
    return "Write the whole path of a PEM file.";
  }

  /** The port follows, where it is the usual one. */
  setKind(kind: ListenerKind): void {
    if (this.port === "" || Number(this.port) === USUAL[this.kind]) this.port = String(USUAL[kind]);
    this.kind = kind;
  }

  get wanted(): Wanted {
    const files = this.hasTls && this.ownFiles;
    return {
      kind: this.kind,
      address: this.address.trim() === "" ? null : this.address.trim(),
      port: Number(this.port),
      access: this.access === "" ? null : this.access,
      certificate: files ? this.certificate : null,
      key: files ? this.key : null,
    };
  }
}

export class Listeners {
  readonly feed: Feed<ListenerRow[]>;
  draft = $state.raw<ListenerDraft | undefined>(undefined);
  busy = $state(false);
  fault = $state.raw<Fault | undefined>(undefined);
  #app: App;

  constructor(app: App) {
    this.#app = app;
    this.feed = new Feed(app, () => app.host.listenerRows(), PERIOD);
  }

  add(): void {
    this.fault = undefined;
    this.draft = new ListenerDraft();
  }

  edit(row: Written | Main): void {
    this.fault = undefined;
    this.draft = new ListenerDraft(row);
  }

  async save(): Promise<void> {
    const { draft } = this;
    if (!draft || draft.busy) return;
    draft.tried = true;
    if (!draft.valid) return;
    draft.busy = true;
    draft.fault = undefined;
    try {
      const { host, toasts } = this.#app;
      const { of, main, wanted } = draft;
      if (!(await this.#agrees(of, wanted))) return;
      if (main) await host.setPort(main.port, wanted.port);
      else if (of) await host.changeListener(of.place, of.written, wanted);
      else await host.addListener(wanted);
      this.draft = undefined;
      toasts.say(`${kindsInWords[wanted.kind]} is open on port ${wanted.port}`);
    } catch (error) {
      draft.fault = asFault(error);
    } finally {
      draft.busy = false;
      this.feed.refresh();
    }
  }

  async remove({ place, written, clients }: Written): Promise<void> {
    if (this.busy) return;
    const name = `${kindsInWords[written.kind]} on port ${written.port}`;
    const body = [
      clients > 0
        ? `${plural(clients, "client came", "clients came")} through it: connections go on, and could not come back this way.`
        : "Nobody is connected through it.",
      "Its [[listener]] in nightjar.toml goes, with all settings in it.",
    ];
    const isLast = (this.feed.data ?? []).length === 1;
    if (isLast) body.unshift("It is the only way in: no client could connect any more.");
    const yes = await this.#app.dialogs.confirm({
      title: isLast ? "Close the only way in?" : `Close ${name}?`,
      body,
      action: "Close the listener",
      danger: true,
    });
    if (!yes) return;
    this.busy = true;
    this.fault = undefined;
    try {
      await this.#app.host.removeListener(place, written);
      this.#app.toasts.say(`${name} is closed`);
    } catch (error) {
      this.fault = asFault(error);
    } finally {
      this.busy = false;
      this.feed.refresh();
    }
  }

  /** Asks before a listener lets anybody in, and before one turns out who came through it. */
  async #agrees(of: Written | undefined, { access }: Wanted): Promise<boolean> {
    if (access === (of?.written.access ?? null)) return true;
    if (access === "anyone")
      return this.#app.dialogs.confirm({
        title: "Let anyone on your network connect here?",
        body: [
          "Every device that reaches this port can then connect without a password, publish, and read all messages.",
        ],
        action: "Let anyone connect",
      });
    if (of && of.clients > 0 && access !== null)
      return this.#app.dialogs.confirm({
        title: access === "this_computer" ? "Keep other computers out here?" : "Ask for a password here?",
        body: [
          `${plural(of.clients, "client")} came through it. Those of them that may no longer connect here are disconnected at once.`,
        ],
        action: "Change the listener",
        danger: true,
      });
    return true;
  }
}
