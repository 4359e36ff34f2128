import { mount } from "svelte";
import "./style/tokens.css";
import "./style/fonts.css";
import "./style/base.css";
import { repairLocale } from "./lib/locale";

// Before anything that formats: under `LANG=C` WebKitGTK names a language that `Intl` refuses, and uPlot asks at import.
repairLocale(navigator);

const { openHost } = await import("./host/open");
const { App: AppModel } = await import("./model/app.svelte");
const { default: Shell } = await import("./App.svelte");

const app = new AppModel(await openHost());
await app.start();
if (import.meta.env.MODE !== "production") {
  // For tests and for looking at a screen: where to begin, and a handle on everything.
  const screen = new URLSearchParams(location.search).get("screen");
  if (screen) app.go(screen as Parameters<typeof app.go>[0]);
  Object.assign(window, { nightjar: app });
}
mount(Shell, { target: document.getElementById("app")!, props: { app } });
