// Rows never move under the pointer: while a list is held, it keeps its order, and what comes up anew waits.

/** The fresh rows, or while `held` those shown before, in their order, with their fresh contents. */
export function hold<T>(
  shown: readonly T[],
  fresh: readonly T[],
  key: (row: T) => unknown,
  held: boolean,
): readonly T[] {
  if (!held || shown.length === 0) return fresh;
  const byKey = new Map(fresh.map((row) => [key(row), row]));
  return shown.map((row) => byKey.get(key(row)) ?? row);
}
