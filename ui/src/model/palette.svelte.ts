// What Ctrl K finds: topics and clients from the host, and commands that are known here.

import { untrack } from "svelte";
import type { Found } from "../host/types/Found";
import { rate } from "../lib/format";
import { densities, themes } from "../shell/appearance";
import type { App, ScreenName } from "./app.svelte";

export type PaletteIcon = "topic" | "client" | "screen" | "publish" | "retained" | "history" | "view";

export interface Entry {
  key: string;
  icon: PaletteIcon;
  label: string;
  /** Faint, at the right. */
  note: string;
  /** A key that does the same, at the right. */
  keys?: string;
  run: () => void;
}
export interface Group {
  title: string;
  entries: readonly Entry[];
}

const NOTHING: Found = { topics: [], clients: [] };
const WAIT = 60;

export class Palette {
  text = $state("");
  at = $state(0);
  #found = $state.raw<Found>(NOTHING);
  #app: App;
  #screens: readonly { name: ScreenName; title: string }[];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking = false;

  constructor(app: App, screens: readonly { name: ScreenName; title: string }[]) {
    this.#app = app;
    this.#screens = screens;
  }

  type(text: string): void {
    this.text = text;
    this.at = 0;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#find(), WAIT);
  }

  /** One question at a time; what was typed meanwhile is asked next. */
  async #find(): Promise<void> {
    if (this.#asking) return;
    const asked = this.text.trim();
    if (asked === "") {
      this.#found = NOTHING;
      return;
    }
    this.#asking = true;
    try {
      this.#found = await this.#app.host.find(asked);
    } catch (error) {
      this.#app.complain(error);
    }
    this.#asking = false;
    if (this.text.trim() !== asked) void this.#find();
  }

  groups: readonly Group[] = $derived.by(() => {
    const groups: Group[] = [
      { title: "Topics", entries: this.#topics() },
      { title: "Clients", entries: this.#clients() },
      { title: "Commands", entries: this.#commands() },
    ];
    return groups.filter(({ entries }) => entries.length > 0);
  });

  entries: readonly Entry[] = $derived(this.groups.flatMap(({ entries }) => entries));

  get selected(): Entry | undefined {
    return this.entries[Math.min(this.at, this.entries.length - 1)];
  }

  move(step: number): void {
    const { length } = this.entries;
    if (length > 0) this.at = (Math.min(this.at, length - 1) + step + length) % length;
  }

  run(entry: Entry | undefined): void {
    if (!entry) return;
    this.#app.paletteOpen = false;
    entry.run();
  }

  /** The topic that "Publish to …" means: the selected one, else the first. */
  get topic(): string | undefined {
    const topics = this.#found.topics;
    const key = untrack(() => this.selected?.key);
    return (topics.find(({ path }) => key === `topic ${path}`) ?? topics[0])?.path;
  }

  publish(): void {
    const { topic } = this;
    if (topic === undefined || !this.#has("publish")) return;
    this.#app.paletteOpen = false;
    this.#app.publishTo({ topic });
  }

  #has(screen: ScreenName): boolean {
    return this.#screens.some(({ name }) => name === screen);
  }

  #topics(): Entry[] {
    return this.#found.topics.map(({ path, rate: perSecond }) => ({
      key: `topic ${path}`,
      icon: "topic",
      label: path,
      note: perSecond > 0 ? `${rate(perSecond)} /s` : "",
      run: () => this.#app.openTopic(path),
    }));
  }

  #clients(): Entry[] {
    return this.#found.clients.map(({ client, connected }) => ({
      key: `client ${client}`,
      icon: "client",
      label: client,
      note: connected ? "connected" : "away",
      run: () => this.#app.openClient(client),
    }));
  }

  #commands(): Entry[] {
    const app = this.#app;
    const about: Entry[] = [];
    const path = this.#found.topics[0]?.path;
    if (path !== undefined) {
      if (this.#has("publish")) {
        about.push({
          key: "publish to",
          icon: "publish",
          label: `Publish to ${path}`,
          note: "",
          keys: "Ctrl Enter",
          run: () => app.publishTo({ topic: path }),
        });
      }
      if (this.#has("history")) {
        about.push({
          key: "history of",
          icon: "history",
          label: `History of ${path}`,
          note: "",
          run: () => app.openHistory({ filter: `${path}/#` }),
        });
      }
      if (this.#has("retained")) {
        about.push({
          key: "retained under",
          icon: "retained",
          label: `Retained under ${path}`,
          note: "",
          run: () => app.openRetained(path),
        });
      }
    }
    const words = this.text.trim().toLowerCase().split(/\s+/);
    const known = this.#known().filter(({ label }) => words.every((word) => label.toLowerCase().includes(word)));
    return [...about, ...known];
  }

  #known(): Entry[] {
    const app = this.#app;
    return [
      ...this.#screens.map(({ name, title }, i): Entry => {
        return {
          key: `go ${name}`,
          icon: "screen",
          label: `Go to ${title}`,
          note: "",
          keys: `Ctrl ${i + 1}`,
          run: () => app.go(name),
        };
      }),
      {
        key: "pause",
        icon: "view",
        label: app.paused ? "Resume view" : "Pause view",
        note: "",
        keys: "Space",
        run: app.togglePause,
      },
      ...themes.map(({ value, label }): Entry => {
        const note = app.preferences.theme === value ? "set" : "";
        return {
          key: `theme ${value}`,
          icon: "view",
          label: `Theme: ${label}`,
          note,
          run: () => void app.setTheme(value),
        };
      }),
      ...densities.map(({ value, label }): Entry => {
        const note = app.preferences.density === value ? "set" : "";
        return {
          key: `density ${value}`,
          icon: "view",
          label: `Density: ${label}`,
          note,
          run: () => void app.setDensity(value),
        };
      }),
      ...(app.running
        ? [
            {
              key: "address",
              icon: "view" as const,
              label: "Copy the broker's address",
              note: app.running.url,
              run: () => void app.copy(app.running?.url ?? "", "Address copied"),
            },
          ]
        : []),
      { key: "keys", icon: "view", label: "Show the keys", note: "", keys: "?", run: () => (app.keysOpen = true) },
    ];
  }
}
