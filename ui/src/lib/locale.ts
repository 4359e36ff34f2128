// Under `LANG=C` or `POSIX` WebKitGTK has `navigator.language === "C"`, which is no language tag: `Intl` throws a RangeError
// on it, and uPlot does so while it is imported, which leaves a blank page.

import { usableLocale } from "./format";

export function repairLocale(navigator: Navigator): void {
  const usable = usableLocale(navigator.language);
  if (usable === navigator.language) return;
  Object.defineProperty(navigator, "language", { get: () => usable, configurable: true });
  Object.defineProperty(navigator, "languages", { get: () => [usable], configurable: true });
}
