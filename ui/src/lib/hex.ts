// Bytes as rows of hexadecimal digits and characters, and back.

export type HexRow = {
  /** "0010". */
  offset: string;
  /** Two digits a byte. */
  digits: string[];
  /** What is printable in ASCII; "·" for the rest. */
  characters: string;
  /** Which bytes of the row differ from those before; empty where nothing was compared. */
  changed: boolean[];
};

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export function hexRowCount(length: number, perRow: number): number {
  return Math.ceil(length / perRow);
}

/** One row, so that a list can be windowed over any number of bytes. */
export function hexRow(bytes: Uint8Array, index: number, perRow: number, before: Uint8Array | null = null): HexRow {
  const start = index * perRow;
  const row = bytes.subarray(start, start + perRow);
  const digits: string[] = [];
  const changed: boolean[] = [];
  let characters = "";
  for (let i = 0; i < row.length; i += 1) {
    const byte = row[i]!;
    digits.push(DIGITS[byte]!);
    characters += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·";
    if (before !== null) changed.push(before[start + i] !== byte);
  }
  return { offset: start.toString(16).padStart(bytes.length > 0xffff ? 6 : 4, "0"), digits, characters, changed };
}

/** How much of the bytes differs from those before, 0 to 1. */
export function changedShare(bytes: Uint8Array, before: Uint8Array): number {
  let changed = 0;
  for (let i = 0; i < bytes.length; i += 1) if (bytes[i] !== before[i]) changed += 1;
  return bytes.length === 0 ? 0 : changed / bytes.length;
}

/** "de ad be ef", for the clipboard. */
export function hexText(bytes: Uint8Array): string {
  const out = new Array<string>(bytes.length);
  for (let i = 0; i < bytes.length; i += 1) out[i] = DIGITS[bytes[i]!]!;
  return out.join(" ");
}

/** The bytes of "de ad be ef", "DEADBEEF" or "0xde, 0xad"; a string says what is wrong. */
export function parseHex(text: string): Uint8Array | string {
  const digits = text.replace(/0x/gi, "").replace(/[\s,:;-]/g, "");
  const wrong = /[^0-9a-f]/i.exec(digits);
  if (wrong) return `“${wrong[0]}” is not a hexadecimal digit.`;
  if (digits.length % 2 === 1) return "A byte is two digits; the last one has only one.";
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
