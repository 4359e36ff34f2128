// A payload while it is being written: as text, as hexadecimal digits, as base64, or a file that is none of these.

import { bytes as size } from "../lib/format";
import { hexText, parseHex } from "../lib/hex";
import { compact, parseJson } from "../lib/json";
import { indented, jsonError } from "../lib/jsonedit";
import { decodeBase64, decodeText, encodeBase64, encodeText } from "../lib/payload";

export type DraftForm = "text" | "hex" | "base64";
export interface DraftFile {
  name: string;
  bytes: Uint8Array;
}

/** Beyond this a text field becomes slow; larger payloads stay a file. */
const EDITABLE = 256 * 1024;
/** What a file may be at most: it crosses to Rust as one string. */
export const MAX_FILE = 16 * 1000 * 1000;

export class PayloadDraft {
  text = $state("");
  form = $state<DraftForm>("text");
  file = $state.raw<DraftFile | undefined>(undefined);
  /** Why the last file or change of form was refused. */
  refused = $state<string | undefined>(undefined);

  readonly #parsed = $derived.by<{ bytes: Uint8Array } | { error: string }>(() => {
    if (this.file) return { bytes: this.file.bytes };
    if (this.form === "text") return { bytes: encodeText(this.text) };
    const parsed = this.form === "hex" ? parseHex(this.text) : parseBase64(this.text);
    return typeof parsed === "string" ? { error: parsed } : { bytes: parsed };
  });

  /** The bytes to send; undefined where what is written is not valid. */
  readonly bytes = $derived("bytes" in this.#parsed ? this.#parsed.bytes : undefined);
  readonly error = $derived("error" in this.#parsed ? this.#parsed.error : undefined);
  /** Whether it is meant as JSON. */
  readonly looksLikeJson = $derived(this.file === undefined && this.form === "text" && /^\s*[[{]/.test(this.text));
  readonly jsonError = $derived(this.looksLikeJson ? jsonError(this.text) : null);
  readonly isUtf8 = $derived(this.bytes === undefined || decodeText(this.bytes) !== null);

  set(bytes: Uint8Array, name = "payload"): void {
    this.refused = undefined;
    this.file = undefined;
    const text = decodeText(bytes);
    if (bytes.length > EDITABLE) this.file = { name, bytes };
    else if (text !== null) this.#become("text", text);
    else this.#become("hex", hexText(bytes));
  }

  /** Writes the same bytes in another form; refuses where they have none. */
  setForm(form: DraftForm): void {
    if (form === this.form) return;
    this.refused = undefined;
    const { bytes } = this;
    // What is not valid has no bytes yet: it may just be meant in the other form.
    if (bytes === undefined || this.text === "") {
      this.form = form;
      return;
    }
    const text = form === "hex" ? hexText(bytes) : form === "base64" ? encodeBase64(bytes) : decodeText(bytes);
    if (text === null) this.refused = "These bytes are not UTF-8 text.";
    else this.#become(form, text);
  }

  async load(file: File): Promise<void> {
    this.refused = undefined;
    if (file.size > MAX_FILE) {
      this.refused = `${file.name} has ${size(file.size)}; at most ${size(MAX_FILE)} can be published from here.`;
      return;
    }
    try {
      this.set(new Uint8Array(await file.arrayBuffer()), file.name);
    } catch {
      this.refused = `${file.name} could not be read.`;
    }
  }

  clear(): void {
    this.refused = undefined;
    this.file = undefined;
    this.text = "";
  }

  /** Over several lines; back on one where it is indented already. */
  format(): void {
    const json = parseJson(this.text);
    if (json === null) return;
    const wide = indented(json);
    this.text = this.text === wide ? compact(json) : wide;
  }

  #become(form: DraftForm, text: string): void {
    this.form = form;
    this.text = text;
  }
}

function parseBase64(text: string): Uint8Array | string {
  const digits = text.replace(/\s/g, "").replace(/-/g, "+").replace(/_/g, "/").replace(/=+$/, "");
  const wrong = /[^A-Za-z0-9+/]/u.exec(digits);
  if (wrong) return `“${wrong[0]}” is not a base64 character.`;
  if (digits.length % 4 === 1) return "Base64 comes in groups of four characters; one is left over.";
  return decodeBase64(digits.padEnd(Math.ceil(digits.length / 4) * 4, "="));
}
