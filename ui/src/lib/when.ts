// Points in time as people write them. Browsers' own date fields are not an option: WebKitGTK has none.

const UNITS: Record<string, number> = { s: 1000, sec: 1000, min: 60_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

export const WHEN_EXAMPLES = "14:07, yesterday 14:07, 21 Nov 14:07, 2026-11-21 14:07 or 2 h ago";

/** Milliseconds since 1970, or null where it cannot be understood. A date without a time is its first moment. */
export function parseWhen(text: string, now = Date.now()): number | null {
  const words = text.trim().toLowerCase().replace(/\s+/g, " ");
  if (words === "now") return now;
  const ago = /^-?\s?(\d+(?:\.\d+)?) ?(s|sec|min|m|h|d)( ago)?$/.exec(words);
  if (ago) return now - Number(ago[1]) * UNITS[ago[2]!]!;
  // With an offset it says all by itself.
  if (/^\d{4}-\d\d-\d\dt.*(z|[+-]\d\d:\d\d)$/.test(words)) {
    const at = Date.parse(words.toUpperCase());
    return Number.isNaN(at) ? null : at;
  }
  const clock = /(?:^|[ t])(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,3}))?)?$/.exec(words);
  const date = day(clock ? words.slice(0, clock.index) : words, new Date(now));
  if (date === null) return null;
  const [hour, minute, second] = [Number(clock?.[1] ?? 0), Number(clock?.[2] ?? 0), Number(clock?.[3] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59) return null;
  const at = new Date(date.year, date.month, date.day, hour, minute, second, Number((clock?.[4] ?? "").padEnd(3, "0")));
  // "31 Feb" would roll over into March.
  return at.getMonth() === date.month ? at.getTime() : null;
}

/** A point in time as it is written in a field, to the millisecond, and read by `parseWhen`. */
export function writeWhen(at: number): string {
  const date = new Date(at);
  const two = (n: number) => String(n).padStart(2, "0");
  const days = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${days} ${clock}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function day(words: string, today: Date): { year: number; month: number; day: number } | null {
  const [year, month, number] = [today.getFullYear(), today.getMonth(), today.getDate()];
  if (words === "" || words === "today") return { year, month, day: number };
  if (words === "yesterday") {
    const before = new Date(year, month, number - 1);
    return { year: before.getFullYear(), month: before.getMonth(), day: before.getDate() };
  }
  const iso = /^(\d{4})-(\d\d?)-(\d\d?)$/.exec(words);
  if (iso) return { year: Number(iso[1]), month: Number(iso[2]) - 1, day: Number(iso[3]) };
  const named = /^(\d\d?)\.? ([a-z]{3})[a-z]*\.?(?: (\d{4}))?$/.exec(words);
  const at = named ? MONTHS.indexOf(named[2]!) : -1;
  if (!named || at === -1) return null;
  return { year: named[3] ? Number(named[3]) : year, month: at, day: Number(named[1]) };
}
