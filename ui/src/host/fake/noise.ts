// Randomness that is the same in every run: a value for each number, instead of one after the other.

/** 0 to 1, as if at random, for each pair of numbers. */
export function noise(seed: number, n: number): number {
  let x = (Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(n | 0, 0x85ebca6b)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b) >>> 0;
  return ((x ^ (x >>> 16)) >>> 0) / 4294967296;
}

/** −1 to 1, smooth in `t` (any unit), a different curve for each seed. */
export function wave(seed: number, t: number): number {
  const phase = noise(seed, 1) * 6.28;
  return (Math.sin(t + phase) + 0.6 * Math.sin(2.3 * t + 2 * phase) + 0.35 * Math.sin(5.1 * t + 5 * phase)) / 1.95;
}

export function pick<T>(list: readonly T[], seed: number, n: number): T {
  return list[Math.floor(noise(seed, n) * list.length)]!;
}
