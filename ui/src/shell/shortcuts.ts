// The keys that hold on every screen. A screen's own keys are the screen's; whoever handles a key calls preventDefault.

import { chord, isTyping } from "../lib/keys";
import type { App } from "../model/app.svelte";
import { screens } from "../screens/screens";

export function onkeydown(event: KeyboardEvent, app: App): void {
  // Dialogs, menus and the palette keep their keys to themselves.
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  const keys = chord(event);

  if (keys === "Ctrl+K") {
    event.preventDefault();
    app.paletteOpen = true;
    return;
  }
  const digit = /^Ctrl\+([1-9])$/.exec(keys);
  if (digit) {
    event.preventDefault();
    const screen = screens[Number(digit[1]) - 1];
    if (screen) app.go(screen.name);
    return;
  }
  if (isTyping(event.target)) {
    if (keys === "Escape") (event.target as HTMLElement).blur();
    return;
  }
  if (keys === "/") {
    const filter = document.querySelector<HTMLInputElement>("[data-filter]");
    if (!filter) return;
    event.preventDefault();
    filter.focus();
    filter.select();
  } else if (keys === "?") {
    event.preventDefault();
    app.keysOpen = true;
  } else if (keys === "Space" && !pressesSomething(event.target)) {
    event.preventDefault();
    app.togglePause();
  }
}

/** Space on a button presses it. */
function pressesSomething(target: EventTarget | null): boolean {
  return (
    target instanceof Element && target.closest("button, a, summary, [role=button], [role=menuitem], input") !== null
  );
}
