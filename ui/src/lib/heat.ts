// How strongly the edge of a row glows.

/** 0 for none, 1 for ten thousand messages a second and more; each tenfold rate is a step. */
export function heat(rate: number): number {
  if (!(rate > 0)) return 0;
  return Math.min(1, Math.round((0.12 + 0.22 * Math.log10(1 + rate)) * 100) / 100);
}
