// Rows that are picked out of millions: stretches of positions, so that a whole list costs as much as one row.

/** From the first to before the last; ascending, apart from each other. */
export type Ranges = readonly (readonly [first: number, end: number])[];

export const NO_RANGES: Ranges = [];

export function has(ranges: Ranges, index: number): boolean {
  return ranges.some(([first, end]) => first <= index && index < end);
}

export function size(ranges: Ranges): number {
  return ranges.reduce((sum, [first, end]) => sum + end - first, 0);
}

/** With all from one row to another, in whichever order they are. */
export function withAll(ranges: Ranges, one: number, other: number): Ranges {
  let [first, end] = [Math.min(one, other), Math.max(one, other) + 1];
  const apart: (readonly [number, number])[] = [];
  for (const range of ranges) {
    if (range[1] < first || range[0] > end) apart.push(range);
    else [first, end] = [Math.min(first, range[0]), Math.max(end, range[1])];
  }
  return [...apart, [first, end] as const].sort(([a], [b]) => a - b);
}

/** With the row where it was not there, without it where it was. */
export function toggled(ranges: Ranges, index: number): Ranges {
  if (!has(ranges, index)) return withAll(ranges, index, index);
  return ranges.flatMap(([first, end]) => {
    if (index < first || index >= end) return [[first, end] as const];
    return [[first, index] as const, [index + 1, end] as const].filter(([from, to]) => from < to);
  });
}
