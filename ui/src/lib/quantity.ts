// Lengths of time, sizes and counts as people type them, and as the settings keep them: milliseconds, bytes, a number.

export type Parsed = { value: number | null; error?: undefined } | { value?: undefined; error: string };

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Names of units that are understood, the first as it is written; the largest first. */
const AGES: readonly [size: number, ...names: string[]][] = [
  [7 * DAY, "weeks", "week", "w"],
  [DAY, "days", "day", "d"],
  [HOUR, "h", "hours", "hour", "hr", "hrs"],
  [MINUTE, "min", "minutes", "minute", "mins"],
  [1000, "s", "seconds", "second", "sec", "secs"],
];
const SIZES: readonly [size: number, name: string][] = [
  [2 ** 40, "TiB"],
  [1e12, "TB"],
  [2 ** 30, "GiB"],
  [1e9, "GB"],
  [2 ** 20, "MiB"],
  [1e6, "MB"],
  [2 ** 10, "KiB"],
  [1e3, "kB"],
  [1, "B"],
];
const EXAMPLE = {
  age: "Write a number with its unit, such as 7 days, 12 h or 30 min.",
  size: "Write a number with its unit, such as 500 MB or 2 GB.",
  count: "Write a whole number, such as 1,000.",
};
const ZERO = "Nothing would be kept: choose “Don't record” for that.";
const TOO_MUCH = "That is more than can be counted.";

/** A length of time in milliseconds; null for an empty text, which is no bound. */
export function parseAge(text: string): Parsed {
  return parse(text, EXAMPLE.age, (unit) => AGES.find(([, ...names]) => names.includes(unit.toLowerCase()))?.[0]);
}

/** "7 days", "36 h", "90 min": in the largest unit that needs no fraction, weeks left out. */
export function writeAge(ms: number | null): string {
  if (ms === null) return "";
  const [size, name] = AGES.slice(1).find(([size]) => ms % size === 0) ?? [1000, "s"];
  return `${grouped(ms / size)} ${ms === size && name === "days" ? "day" : name}`;
}

/** A size in bytes; null for an empty text, which is no bound. */
export function parseSize(text: string): Parsed {
  return parse(text, EXAMPLE.size, (unit) => SIZES.find(([, name]) => name.toLowerCase() === unit.toLowerCase())?.[0]);
}

/** "500 MB", "1.5 GB", "64 MiB": exact, with at most three decimals. */
export function writeSize(bytes: number | null): string {
  if (bytes === null) return "";
  const exact = SIZES.find(([size, name]) => bytes >= size && (bytes * (name.includes("i") ? 1 : 1000)) % size === 0);
  const [size, name] = exact ?? [1, "B"];
  return `${grouped(bytes / size)} ${name}`;
}

/** A whole number; null for an empty text, which is no bound. */
export function parseCount(text: string): Parsed {
  const parsed = parse(text, EXAMPLE.count, (unit) => (unit === "" ? 1 : undefined));
  return parsed.value && !Number.isInteger(Number(text.replace(/[,\s]/g, ""))) ? { error: EXAMPLE.count } : parsed;
}

export function writeCount(count: number | null): string {
  return count === null ? "" : grouped(count);
}

const grouped = (n: number) => n.toLocaleString("en", { maximumFractionDigits: 3 });

function parse(text: string, example: string, sizeOf: (unit: string) => number | undefined): Parsed {
  const trimmed = text.trim();
  if (trimmed === "") return { value: null };
  const [, figures = "", unit = ""] = /^(\d[\d,\s]*(?:\.\d+)?)\s*([a-z]*)$/i.exec(trimmed) ?? [];
  const size = sizeOf(unit);
  if (figures === "" || size === undefined) return { error: example };
  const value = Math.round(Number(figures.replace(/[,\s]/g, "")) * size);
  if (value === 0) return { error: ZERO };
  return Number.isSafeInteger(value) ? { value } : { error: TOO_MUCH };
}
