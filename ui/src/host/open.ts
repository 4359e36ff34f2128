// Which host the window talks to. The fake is compiled out of the real app: `npm run build` sets the mode "production".

import type { Host } from "./host";

export async function openHost(): Promise<Host> {
  if (import.meta.env.MODE !== "production" && !("__TAURI_INTERNALS__" in window)) {
    const { fakeHost } = await import("./fake");
    return fakeHost(new URLSearchParams(location.search));
  }
  const { tauri } = await import("./tauri");
  return tauri;
}
