// What all screens share: the broker's state, where the user is, what they set, and the few ways to speak to them.

import { createContext, untrack } from "svelte";
import { asFault } from "../host/fault";
import { Feed, type Pausing } from "../host/feed.svelte";
import type { Host } from "../host/host";
import type { Density } from "../host/types/Density";
import type { Fault } from "../host/types/Fault";
import type { HistoryQuery } from "../host/types/HistoryQuery";
import type { OutgoingMessage } from "../host/types/OutgoingMessage";
import type { Preferences } from "../host/types/Preferences";
import type { Running } from "../host/types/Running";
import type { Status } from "../host/types/Status";
import type { Theme } from "../host/types/Theme";
import type { Vitals } from "../host/types/Vitals";
import { Dialogs } from "./dialogs.svelte";
import { Toasts } from "./toasts.svelte";

/** What a screen can be asked to show when another one sends the user there. */
export interface Destinations {
  overview: Record<string, never>;
  topics: { topic: string };
  clients: { client: string };
  history: Partial<HistoryQuery>;
  retained: { topic: string };
  publish: Partial<OutgoingMessage>;
  security: Record<string, never>;
  logs: Record<string, never>;
}
export type ScreenName = keyof Destinations;

const NEVER_PAUSED: Pausing = { paused: false };
const STATUS_PERIOD = 500;

/** For components: `const app = getApp()`. */
export const [getApp, setApp] = createContext<App>();

export class App implements Pausing {
  readonly host: Host;
  readonly toasts = new Toasts();
  readonly dialogs = new Dialogs();
  readonly status: Feed<Status>;
  readonly vitals: Feed<Vitals>;

  screen = $state<ScreenName>("overview");
  /** Pause view: the feeds stand still; the broker goes on. */
  paused = $state(false);
  paletteOpen = $state(false);
  keysOpen = $state(false);
  preferences = $state.raw<Preferences>({ theme: "system", density: "normal" });
  /** A command failed that has no place of its own to say so. */
  complaint = $state.raw<Fault | undefined>(undefined);

  #systemDark = $state(false);
  #wish = $state.raw<{ screen: ScreenName; what: unknown } | undefined>(undefined);
  #kept = new Map<string, unknown>();

  constructor(host: Host) {
    this.host = host;
    this.status = new Feed(NEVER_PAUSED, () => host.status(), STATUS_PERIOD);
    this.vitals = new Feed(this, () => host.vitals());
  }

  /** Reads what the first frame needs, so that it comes in the right colours. */
  async start(): Promise<void> {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    this.#systemDark = dark.matches;
    dark.addEventListener("change", (event) => {
      this.#systemDark = event.matches;
      this.#dress();
    });
    try {
      this.preferences = await this.host.preferences();
    } catch (error) {
      this.complain(error);
    }
    this.#dress();
  }

  /** The broker, where it runs. */
  get running(): Running | undefined {
    const status = this.status.data;
    return status?.state === "running" ? status : undefined;
  }

  /** The host's clock at the last vitals: ages stand still with the view. */
  get now(): number {
    return this.vitals.data?.now ?? Date.now();
  }

  get darkNow(): boolean {
    const { theme } = this.preferences;
    return theme === "dark" || (theme === "system" && this.#systemDark);
  }

  /** Goes to a screen; `what` waits there until the screen takes it. */
  go<S extends ScreenName>(screen: S, what?: Destinations[S]): void {
    this.#wish = what === undefined ? undefined : { screen, what };
    this.screen = screen;
    this.paletteOpen = false;
  }
  openTopic = (topic: string): void => this.go("topics", { topic });
  openClient = (client: string): void => this.go("clients", { client });
  openHistory = (query: Partial<HistoryQuery>): void => this.go("history", query);
  openRetained = (topic: string): void => this.go("retained", { topic });
  publishTo = (draft: Partial<OutgoingMessage>): void => this.go("publish", draft);

  /** For the screen, in an effect: what it was asked to show, once. */
  take<S extends ScreenName>(screen: S): Destinations[S] | undefined {
    const wish = this.#wish;
    if (wish?.screen !== screen) return undefined;
    untrack(() => (this.#wish = undefined));
    return wish.what as Destinations[S];
  }

  /** A screen's model outlives the screen: coming back finds it as it was left. */
  keep<T>(name: string, make: () => T): T {
    // In a root of its own: what a model derives would otherwise end with the screen that made it first.
    if (!this.#kept.has(name)) $effect.root(() => void this.#kept.set(name, untrack(make)));
    return this.#kept.get(name) as T;
  }

  togglePause = (): void => {
    this.paused = !this.paused;
  };

  async setTheme(theme: Theme): Promise<void> {
    await this.#prefer({ ...this.preferences, theme });
  }

  async setDensity(density: Density): Promise<void> {
    await this.#prefer({ ...this.preferences, density });
  }

  async #prefer(preferences: Preferences): Promise<void> {
    this.preferences = preferences;
    this.#dress();
    try {
      await this.host.setPreferences(preferences);
    } catch (error) {
      this.complain(error);
    }
  }

  #dress(): void {
    const root = document.documentElement;
    root.dataset.theme = this.darkNow ? "dark" : "light";
    root.dataset.density = this.preferences.density;
  }

  async retryStart(): Promise<void> {
    try {
      this.status.data = await this.host.retryStart();
    } catch (error) {
      this.complain(error);
    }
  }

  /** Copies, and says so: "Topic copied". */
  async copy(text: string, done: string): Promise<void> {
    try {
      await this.host.copy(text);
      this.toasts.say(done);
    } catch (error) {
      this.complain(error);
    }
  }

  /** For a failure that belongs to no field and no pane. */
  complain(error: unknown): void {
    this.complaint = asFault(error);
  }
}
