// Where a text was found in another one, for showing it.

export interface Part {
  text: string;
  hit: boolean;
}

/** Cuts `text` at each place that `wanted` is found, without regard to case. */
export function parts(text: string, wanted: string): Part[] {
  const lower = text.toLowerCase();
  const needle = wanted.toLowerCase();
  // Some letters change their length with their case; then the positions would be off.
  if (needle === "" || lower.length !== text.length) return [{ text, hit: false }];
  const out: Part[] = [];
  let from = 0;
  for (let at = lower.indexOf(needle); at !== -1; at = lower.indexOf(needle, from)) {
    if (at > from) out.push({ text: text.slice(from, at), hit: false });
    from = at + needle.length;
    out.push({ text: text.slice(at, from), hit: true });
  }
  if (from < text.length) out.push({ text: text.slice(from), hit: false });
  return out;
}
