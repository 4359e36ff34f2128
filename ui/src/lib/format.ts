// Numbers, sizes and times as the window writes them. Pure: the clock and the time zone's midnight come in as arguments
// where they matter. Times are milliseconds since 1970, as everywhere between Rust and the window.

const NOTHING = "–";

/** The language to format numbers in: WebKitGTK reports "C" under `LANG=C`, which `Intl` refuses. */
export function usableLocale(language: string | undefined): string {
  try {
    return Intl.getCanonicalLocales(language ?? "en")[0] ?? "en";
  } catch {
    return "en";
  }
}

// Thousands are always "12,418": the window speaks English, so its numbers do too.
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** "12,418". */
export function count(n: number): string {
  return Number.isFinite(n) ? whole.format(n) : NOTHING;
}

/** "1 client", "12,418 clients". */
export function plural(n: number, one: string, many = one + "s"): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** "842", "12,400", "1,350,000": to three figures, for what is known about. */
export function roughly(n: number): number {
  return Number.isFinite(n) ? Number(n.toPrecision(3)) : n;
}

/** "842", "12.4 k", "2.1 M": where there is little room. */
export function countShort(n: number): string {
  return scaled(n, 1000, ["", "k", "M", "G", "T"]);
}

/** Messages per second: "–" for none, "0.2", "9.9", "312", "12,418". */
export function rate(n: number): string {
  if (!Number.isFinite(n) || n <= 0) return NOTHING;
  if (n < 0.1) return "<0.1";
  const tenths = Math.round(n * 10) / 10;
  return tenths < 10 ? tenths.toFixed(1) : whole.format(n);
}

/** As `rate`, but "12.4 k" from ten thousand on. */
export function rateShort(n: number): string {
  return Math.round(n) < 1000 ? rate(n) : countShort(n);
}

/** "58 B", "4.6 MB": decimal units. */
export function bytes(n: number): string {
  return scaled(n, 1000, ["B", "kB", "MB", "GB", "TB", "PB"]);
}

/** "4.6 MB/s", "–" for none. */
export function bytesPerSecond(n: number): string {
  return Number.isFinite(n) && n > 0 ? `${bytes(Math.max(1, n))}/s` : NOTHING;
}

function scaled(n: number, step: number, units: readonly string[]): string {
  if (!Number.isFinite(n)) return NOTHING;
  let value = Math.abs(n);
  let unit = 0;
  // What would round up to the next unit is shown in it: 999,960 is "1.0 M", not "1000.0 k".
  while (unit < units.length - 1 && (unit === 0 ? Math.round(value) : Math.round(value * 10) / 10) >= step) {
    value /= step;
    unit += 1;
  }
  const figure = unit === 0 || value >= 99.95 ? whole.format(value) : value.toFixed(1);
  return `${n < 0 && figure !== "0" ? "−" : ""}${figure}${units[unit] ? " " + units[unit] : ""}`;
}

/** "14:07:42.015" today, "21 Nov 14:07:42.015" otherwise, with the year where it is another one. */
export function time(ms: number, now = Date.now()): string {
  const at = new Date(ms);
  if (Number.isNaN(at.getTime())) return NOTHING;
  return dayBefore(at, new Date(now)) + clock(at) + "." + String(at.getMilliseconds()).padStart(3, "0");
}

/** As `time`, without the milliseconds: for what happens seldom. */
export function timeToSecond(ms: number, now = Date.now()): string {
  const at = new Date(ms);
  return Number.isNaN(at.getTime()) ? NOTHING : dayBefore(at, new Date(now)) + clock(at);
}

/** "21 Nov 2046": for what is years away. */
export function day(ms: number): string {
  const at = new Date(ms);
  return Number.isNaN(at.getTime()) ? NOTHING : `${at.getDate()} ${MONTHS[at.getMonth()]} ${at.getFullYear()}`;
}

/** "14:07": the ends of a chart. */
export function hourMinute(ms: number): string {
  const at = new Date(ms);
  return Number.isNaN(at.getTime()) ? NOTHING : clock(at).slice(0, 5);
}

/** ISO 8601 in local time with its offset, for titles: "2025-11-21T14:07:42.015+01:00". */
export function fullTime(ms: number): string {
  const at = new Date(ms);
  if (Number.isNaN(at.getTime())) return "";
  const offset = -at.getTimezoneOffset();
  const local = new Date(ms + offset * 60_000).toISOString().slice(0, -1);
  if (offset === 0) return local + "Z";
  const size = Math.abs(offset);
  return `${local}${offset < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

function dayBefore(at: Date, today: Date): string {
  if (at.toDateString() === today.toDateString()) return "";
  const year = at.getFullYear() === today.getFullYear() ? "" : ` ${at.getFullYear()}`;
  return `${at.getDate()} ${MONTHS[at.getMonth()]}${year} `;
}

function clock(at: Date): string {
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

const two = (n: number) => String(n).padStart(2, "0");

/** "just now", "12 s", "3 min", "5 h", "2 d". */
export function age(ms: number, now = Date.now()): string {
  const seconds = Math.floor((now - ms) / 1000);
  if (!Number.isFinite(seconds)) return NOTHING;
  if (seconds < 1) return "just now";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${whole.format(Math.floor(seconds / 86_400))} d`;
}

/** "42 s", "3 min 12 s", "5 h 2 min", "3 d 4 h": the two largest units. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return NOTHING;
  const units: [number, string][] = [
    [86_400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  let left = Math.floor(seconds);
  const parts: string[] = [];
  for (const [size, unit] of units) {
    const n = Math.floor(left / size);
    left -= n * size;
    if (n > 0) parts.push(`${size === 86_400 ? whole.format(n) : n} ${unit}`);
    // A gap ends it: three days and some seconds are "3 d".
    if (parts.length === 2 || (parts.length === 1 && n === 0)) break;
  }
  return parts.length > 0 ? parts.join(" ") : "0 s";
}
