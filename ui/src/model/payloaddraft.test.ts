import { expect, test } from "vitest";
import { PayloadDraft } from "./payloaddraft.svelte";

const bytes = (...list: number[]) => Uint8Array.from(list);

test("the same bytes, written in each form", () => {
  const draft = new PayloadDraft();
  draft.text = "Hé";
  draft.setForm("hex");
  expect(draft.text).toBe("48 c3 a9");
  draft.setForm("base64");
  expect(draft.text).toBe("SMOp");
  draft.setForm("text");
  expect(draft.text).toBe("Hé");
});

test("bytes that are not text stay what they are, and it is said why", () => {
  const draft = new PayloadDraft();
  draft.set(bytes(0xff, 0xd8));
  expect([draft.form, draft.text, draft.isUtf8]).toEqual(["hex", "ff d8", false]);
  draft.setForm("text");
  expect(draft.form).toBe("hex");
  expect(draft.refused).toBe("These bytes are not UTF-8 text.");
  draft.setForm("base64");
  expect(draft.refused).toBeUndefined();
});

test.each([
  ["hex", "de a", /one/],
  ["hex", "xy", /“x” is not/],
  ["base64", "ab!d", /“!” is not/],
  ["base64", "abcde", /one is left over/],
] as const)("%s %j is refused", (form, text, error) => {
  const draft = new PayloadDraft();
  draft.setForm(form);
  draft.text = text;
  expect(draft.error).toMatch(error);
  expect(draft.bytes).toBeUndefined();
});

test("base64 may be wrapped, for URLs, and without its padding", () => {
  const draft = new PayloadDraft();
  draft.setForm("base64");
  draft.text = "_-8\n";
  expect(draft.bytes).toEqual(bytes(0xff, 0xef));
});

test("what is not valid yet changes its form without being lost", () => {
  const draft = new PayloadDraft();
  draft.setForm("hex");
  draft.text = "hello";
  draft.setForm("text");
  expect(draft.text).toBe("hello");
  expect(draft.error).toBeUndefined();
});

test("formatting toggles between lines and one line, and leaves what is no JSON alone", () => {
  const draft = new PayloadDraft();
  draft.text = '{"a":[1.0]}';
  draft.format();
  expect(draft.text).toBe('{\n  "a": [\n    1.0\n  ]\n}');
  draft.format();
  expect(draft.text).toBe('{"a":[1.0]}');
  draft.text = "{a}";
  draft.format();
  expect(draft.text).toBe("{a}");
  expect(draft.jsonError?.column).toBe(2);
});

test("a file that is small text is edited, a large one stays a file, one beyond the limit is refused", async () => {
  const draft = new PayloadDraft();
  await draft.load(new File(["21.5"], "value.txt"));
  expect([draft.file, draft.text]).toEqual([undefined, "21.5"]);
  await draft.load(new File([new Uint8Array(300_000)], "image.raw"));
  expect(draft.file?.name).toBe("image.raw");
  expect(draft.bytes).toHaveLength(300_000);
  await draft.load(new File([new Uint8Array(16_000_001)], "film.mp4"));
  expect(draft.refused).toMatch(/film\.mp4 has 16\.0 MB/);
  expect(draft.file?.name).toBe("image.raw");
  draft.clear();
  expect(draft.bytes).toHaveLength(0);
});
