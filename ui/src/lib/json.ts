// JSON as it was sent. `JSON.parse` would turn 1.0 into 1, round 12345678901234567890 and drop repeated members; the
// inspector must show what the device wrote, so literals keep their text.

export type Json =
  | { kind: "object"; members: { key: string; value: Json }[] }
  | { kind: "array"; items: Json[] }
  | { kind: "string" | "number" | "literal"; text: string };

/** Deeper nesting is shown as text: the recursion below must end before the stack does. */
const MAX_DEPTH = 400;

/** The tree of a JSON text, with keys and scalars as they stand there; null where it is not JSON. */
export function parseJson(text: string): Json | null {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  // From here on the text is valid, which lets the reader below be short.
  return new Reader(text).value(0);
}

/** Whether a parsed text is worth the JSON view: an object or an array. */
export function isContainer(json: Json | null): boolean {
  return json !== null && (json.kind === "object" || json.kind === "array");
}

/** The tree on one line. */
export function compact(json: Json): string {
  switch (json.kind) {
    case "object":
      return `{${json.members.map((m) => `${m.key}:${compact(m.value)}`).join(",")}}`;
    case "array":
      return `[${json.items.map(compact).join(",")}]`;
    default:
      return json.text;
  }
}

class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  value(depth: number): Json | null {
    if (depth > MAX_DEPTH) return null;
    this.space();
    const first = this.text[this.at];
    if (first === "{") return this.object(depth);
    if (first === "[") return this.array(depth);
    if (first === '"') return { kind: "string", text: this.string() };
    const end = this.skip(/[^\s,\]}]/y);
    const kind = first === "t" || first === "f" || first === "n" ? "literal" : "number";
    return { kind, text: end };
  }

  private object(depth: number): Json | null {
    const members: { key: string; value: Json }[] = [];
    this.at += 1;
    for (;;) {
      this.space();
      const next = this.text[this.at];
      if (next === "}") break;
      if (next === ",") {
        this.at += 1;
        this.space();
      }
      const key = this.string();
      this.space();
      this.at += 1; // the colon
      const value = this.value(depth + 1);
      if (value === null) return null;
      members.push({ key, value });
    }
    this.at += 1;
    return { kind: "object", members };
  }

  private array(depth: number): Json | null {
    const items: Json[] = [];
    this.at += 1;
    for (;;) {
      this.space();
      const next = this.text[this.at];
      if (next === "]") break;
      if (next === ",") this.at += 1;
      const value = this.value(depth + 1);
      if (value === null) return null;
      items.push(value);
    }
    this.at += 1;
    return { kind: "array", items };
  }

  private string(): string {
    const start = this.at;
    this.at += 1;
    while (this.text[this.at] !== '"') this.at += this.text[this.at] === "\\" ? 2 : 1;
    this.at += 1;
    return this.text.slice(start, this.at);
  }

  private space(): void {
    this.skip(/[ \t\r\n]/y);
  }

  private skip(one: RegExp): string {
    const start = this.at;
    for (;;) {
      one.lastIndex = this.at;
      if (this.at >= this.text.length || !one.test(this.text)) break;
      this.at += 1;
    }
    return this.text.slice(start, this.at);
  }
}
