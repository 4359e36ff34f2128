// What a chart needs to know beside uPlot: where the axis ends, and how its numbers are written.

/** The axis ends at the first round number above the highest value, in four steps that are round too. */
export function niceMax(max: number): number {
  if (!(max > 0)) return 4;
  const rough = max / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate * 4 >= max * 1.0001);
  return (step ?? 10 * power) * 4;
}

/** "10 k", "2.5 k", "400": as short as it goes. */
export function axisNumber(n: number): string {
  for (const [size, unit] of [
    [1e9, " G"],
    [1e6, " M"],
    [1e3, " k"],
  ] as const) {
    if (n >= size) return `${Number((n / size).toFixed(2))}${unit}`;
  }
  return String(Number(n.toPrecision(3)));
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** How far apart the times below a chart may stand, in milliseconds. */
export const timeSteps: readonly number[] = [
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1000),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 4, 6, 12, 24].map((hours) => hours * HOUR),
];
