import { expect, test } from "vitest";
import { chord } from "./keys";

const press = (key: string, held: Partial<Record<"ctrlKey" | "metaKey" | "altKey" | "shiftKey", boolean>> = {}) =>
  chord({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });

test("chords have one name each", () => {
  expect(press("k", { ctrlKey: true })).toBe("Ctrl+K");
  expect(press("k", { metaKey: true })).toBe("Ctrl+K");
  expect(press("K", { ctrlKey: true, shiftKey: true })).toBe("Ctrl+Shift+K");
  expect(press("?", { shiftKey: true })).toBe("?");
  expect(press(" ")).toBe("Space");
  expect(press("j")).toBe("J");
  expect(press("ArrowDown", { shiftKey: true })).toBe("Shift+ArrowDown");
  expect(press("Enter", { ctrlKey: true, altKey: true })).toBe("Ctrl+Alt+Enter");
});
