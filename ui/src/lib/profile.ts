// How many rows fall into which part of a time, from a few of them: rows are in order of time, so a row's position says how many are
// newer.

/** Positions to look at: evenly spread, with both ends. */
export function samplePositions(total: number, samples: number): number[] {
  if (total <= samples) return Array.from({ length: total }, (_, i) => i);
  return Array.from({ length: samples }, (_, i) => Math.round((i * (total - 1)) / (samples - 1)));
}

/**
 * Rows per slot, oldest first, between the times of the oldest and the newest row. `points` are `[position, time]`, newest first;
 * between two points the rows are taken to be evenly spread.
 */
export function profile(points: readonly (readonly [number, number])[], slots: number): number[] {
  const counts = new Array<number>(slots).fill(0);
  const newest = points[0]?.[1] ?? 0;
  const oldest = points.at(-1)?.[1] ?? 0;
  const span = newest - oldest;
  const slotOf = (at: number) => Math.max(0, Math.min(slots - 1, Math.floor(((at - oldest) / (span || 1)) * slots)));
  if (points.length > 0) counts[slotOf(newest)]! += 1;
  for (let i = 1; i < points.length; i += 1) {
    const [fromPosition, late] = points[i - 1]!;
    const [toPosition, early] = points[i]!;
    const rows = toPosition - fromPosition;
    const [low, high] = [slotOf(early), slotOf(late)];
    if (low === high || rows === 1) {
      counts[low]! += rows;
      continue;
    }
    for (let slot = low; slot <= high; slot += 1) {
      const begins = Math.max(early, oldest + (slot * span) / slots);
      const ends = Math.min(late, oldest + ((slot + 1) * span) / slots);
      counts[slot]! += (rows * Math.max(0, ends - begins)) / (late - early);
    }
  }
  return counts;
}
