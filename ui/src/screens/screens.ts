// The screens, in the order of the rail and of the keys Ctrl 1 … 9. A screen is listed once its file exists:
// `<name>/<Name>.svelte`, a component without props that finds the app through `getApp()`.

import Gauge from "@lucide/svelte/icons/gauge";
import History from "@lucide/svelte/icons/history";
import ListTree from "@lucide/svelte/icons/list-tree";
import MonitorSmartphone from "@lucide/svelte/icons/monitor-smartphone";
import Logs from "@lucide/svelte/icons/scroll-text";
import Pin from "@lucide/svelte/icons/pin";
import Send from "@lucide/svelte/icons/send";
import Shield from "@lucide/svelte/icons/shield";
import type { Component } from "svelte";
import type { Vitals } from "../host/types/Vitals";
import { count, countShort } from "../lib/format";
import type { ScreenName } from "../model/app.svelte";

export interface Screen {
  name: ScreenName;
  title: string;
  icon: Component<{ size?: number }>;
  /** The caption that begins a new group of the rail. */
  group?: string;
  /** The number beside the title. */
  note?: (vitals: Vitals) => string;
  /** It has something to show while the broker does not run, too. */
  always?: boolean;
  component: Component;
}

const files = import.meta.glob<Component>(
  [
    "./overview/Overview.svelte",
    "./topics/Topics.svelte",
    "./clients/Clients.svelte",
    "./history/History.svelte",
    "./retained/Retained.svelte",
    "./publish/Publish.svelte",
    "./security/Security.svelte",
    "./logs/Logs.svelte",
  ],
  { eager: true, import: "default" },
);

const some = (n: number) => (n > 0 ? (n < 100_000 ? count(n) : countShort(n)) : "");

const planned: Omit<Screen, "component">[] = [
  { name: "overview", title: "Overview", icon: Gauge },
  { name: "topics", title: "Topics", icon: ListTree, note: (vitals) => some(vitals.topics) },
  { name: "clients", title: "Clients", icon: MonitorSmartphone, note: (vitals) => some(vitals.clients) },
  { name: "history", title: "History", icon: History, note: (vitals) => some(vitals.history_messages) },
  { name: "retained", title: "Retained", icon: Pin, note: (vitals) => some(vitals.retained) },
  { name: "publish", title: "Publish", icon: Send, group: "Act as a client" },
  { name: "security", title: "Security", icon: Shield, group: "Broker" },
  { name: "logs", title: "Logs", icon: Logs, always: true },
];

export const screens: readonly Screen[] = planned.flatMap((screen) => {
  const component = files[`./${screen.name}/${screen.title}.svelte`];
  return component ? [{ ...screen, component }] : [];
});
