import { describe, expect, test } from "vitest";
import { changedShare, hexRow, hexRowCount, hexText, parseHex } from "./hex";
import * as p from "./payload";

describe("hex", () => {
  const bytes = new Uint8Array([0x00, 0x41, 0x7e, 0x7f, 0xff, 0x20, 0x0a, 0xc3, 0xa9]);
  test("rows", () => {
    expect(hexRowCount(bytes.length, 8)).toBe(2);
    expect(hexRow(bytes, 0, 8)).toEqual({
      offset: "0000",
      digits: ["00", "41", "7e", "7f", "ff", "20", "0a", "c3"],
      characters: "·A~·· ··",
      changed: [],
    });
    expect(hexRow(bytes, 1, 8)).toEqual({ offset: "0008", digits: ["a9"], characters: "·", changed: [] });
    expect(hexRowCount(0, 8)).toBe(0);
  });
  test("marks what differs, and what is new at the end", () => {
    expect(hexRow(bytes, 0, 8, new Uint8Array([0x00, 0x42, 0x7e])).changed).toEqual([
      false,
      true,
      false,
      true,
      true,
      true,
      true,
      true,
    ]);
  });
  test("says how much differs", () => {
    expect(changedShare(bytes, bytes)).toBe(0);
    expect(changedShare(new Uint8Array([1, 2, 3, 4]), new Uint8Array([1, 9]))).toBe(0.75);
    expect(changedShare(new Uint8Array(), bytes)).toBe(0);
  });
  test("offsets grow with the payload", () => expect(hexRow(new Uint8Array(70_000), 1, 16).offset).toBe("000010"));
  test("there and back", () => {
    expect(parseHex(hexText(bytes))).toEqual(bytes);
    expect(parseHex("0xDE, 0xad\nBE:ef")).toEqual(new Uint8Array([0xde, 0xad, 0xbe, 0xef]));
    expect(parseHex("")).toEqual(new Uint8Array());
    expect(parseHex("de a")).toMatch(/two digits/);
    expect(parseHex("hello")).toMatch(/“h” is not/);
  });
});

describe("payloads", () => {
  test("bytes ⇄ base64, past the limit on arguments", () => {
    const bytes = Uint8Array.from({ length: 1_000_001 }, (_, i) => (i * 31) % 256);
    const back = p.decodeBase64(p.encodeBase64(bytes));
    expect(back.length).toBe(bytes.length);
    expect(Buffer.compare(back, bytes)).toBe(0);
    expect(p.encodeBase64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
  });
  test("text ⇄ base64", () => {
    expect(p.textOfBase64(p.base64OfText("21 °C 🦉\0"))).toBe("21 °C 🦉\0");
    expect(p.textOfBase64("//79")).toBeNull();
    expect(p.textOfBase64(p.encodeBase64(new Uint8Array([0xef, 0xbb, 0xbf, 0x41])))).toBe("\ufeffA");
  });
  test("forms, the most telling first", () => {
    const of = (text: string) => p.formsOf(p.payloadOf(p.encodeText(text)));
    expect(of('{"a":1}')).toEqual(["json", "text", "hex"]);
    expect(of(" [1]")).toEqual(["json", "text", "hex"]);
    expect(of("71.91")).toEqual(["text", "hex"]);
    expect(of("{oops")).toEqual(["text", "hex"]);
    expect(of("")).toEqual(["text", "hex"]);
    expect(p.formsOf(p.payloadOf(new Uint8Array([0xff])))).toEqual(["hex"]);
  });
  test("a truncated payload is not JSON, even where its beginning is", () => {
    expect(p.formsOf({ text: "[1]", base64: "WzFd", size: 9_000_000, truncated: true })).toEqual(["text", "hex"]);
  });
  test("each form is made once", () => {
    const payload = p.payloadOf(p.encodeText("[1]"));
    expect(p.bytesOf(payload)).toBe(p.bytesOf(payload));
    expect(p.jsonOf(payload)).toBe(p.jsonOf(payload));
  });
});
