import { expect, test } from "vitest";
import type { OutgoingMessage } from "../host/types/OutgoingMessage";
import { NO_PROPERTIES } from "./draft.svelte";
import { Presets } from "./presets.svelte";

const message = (topic: string, payload = ""): OutgoingMessage => ({
  topic,
  payload,
  qos: 0,
  retain: false,
  properties: NO_PROPERTIES,
});

function storage(first: Record<string, string> = {}, full = false): Storage {
  const kept = new Map(Object.entries(first));
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => {
      if (full) throw new DOMException("full", "QuotaExceededError");
      kept.set(key, value);
    },
  } as unknown as Storage;
}

test("presets are there again in the next window, by name", () => {
  const place = storage();
  const presets = new Presets(place);
  presets.save(" stop ", message("a"));
  presets.save("go 10", message("b"));
  presets.save("go 9", message("c"));
  presets.save("stop", message("d"));
  const again = new Presets(place);
  expect(again.presets.map(({ name, message }) => [name, message.topic])).toEqual([
    ["go 9", "c"],
    ["go 10", "b"],
    ["stop", "d"],
  ]);
  expect(again.remove("stop")?.message.topic).toBe("d");
  expect(new Presets(place).has("stop")).toBe(false);
});

test("the last ones that were published: the newest first, each once, a dozen", () => {
  const place = storage();
  const presets = new Presets(place);
  for (let n = 0; n < 20; n += 1) presets.remember(message(`t/${n}`));
  presets.remember(message("t/15"));
  expect(presets.recent).toHaveLength(12);
  expect(presets.recent.slice(0, 3).map(({ topic }) => topic)).toEqual(["t/15", "t/19", "t/18"]);
  expect(new Presets(place).recent).toEqual(presets.recent);
  presets.forgetRecent();
  expect(new Presets(place).recent).toEqual([]);
});

test("what cannot be kept is refused with a reason", () => {
  const presets = new Presets(storage());
  expect(presets.refusal("  ", message("a"))).toBe("Write a name.");
  expect(presets.refusal("x", message("a", "A".repeat(200_000)))).toMatch(/too large/);
  expect(presets.refusal("x", message("a"))).toBeUndefined();
  presets.remember(message("a", "A".repeat(200_000)));
  expect(presets.recent).toEqual([]);
});

test("a full storage loses nothing that was there", () => {
  const presets = new Presets(storage({}, true));
  expect(presets.save("x", message("a"))).toBe(false);
  expect(presets.presets).toEqual([]);
});

test.each(["{", "null", '{"a":1}', '[1,null,{"name":"x"},{"name":"x","message":{"topic":"t","payload":"%","qos":0}}]'])(
  "stored by somebody else, %s is left aside",
  (text) => {
    const presets = new Presets(storage({ "nightjar.publish.presets": text, "nightjar.publish.recent": text }));
    expect([presets.presets, presets.recent]).toEqual([[], []]);
  },
);
