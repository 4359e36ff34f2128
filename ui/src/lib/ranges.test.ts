import { expect, it } from "vitest";
import { has, NO_RANGES, size, toggled, withAll, type Ranges } from "./ranges";

it("takes in stretches, joined where they touch", () => {
  let ranges: Ranges = withAll(NO_RANGES, 5, 3);
  expect(ranges).toEqual([[3, 6]]);
  ranges = withAll(ranges, 10, 12);
  expect(ranges).toEqual([
    [3, 6],
    [10, 13],
  ]);
  expect(withAll(ranges, 6, 9)).toEqual([[3, 13]]);
  expect(size(ranges)).toBe(6);
});

it("lets one row go, and takes it back", () => {
  const ranges = withAll(NO_RANGES, 0, 9);
  expect(toggled(ranges, 4)).toEqual([
    [0, 4],
    [5, 10],
  ]);
  expect(toggled(toggled(ranges, 4), 4)).toEqual([[0, 10]]);
  expect(toggled(toggled(NO_RANGES, 7), 7)).toEqual([]);
  expect(toggled([[0, 2]], 0)).toEqual([[1, 2]]);
});

it("is what a set of numbers would be", () => {
  let ranges: Ranges = NO_RANGES;
  const set = new Set<number>();
  let seed = 7;
  const next = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let step = 0; step < 500; step++) {
    const [one, other] = [next(60), next(60)];
    if (step % 2 === 0) {
      ranges = toggled(ranges, one);
      if (!set.delete(one)) set.add(one);
    } else if (Math.abs(one - other) < 6) {
      ranges = withAll(ranges, one, other);
      for (let i = Math.min(one, other); i <= Math.max(one, other); i++) set.add(i);
    }
    expect(size(ranges)).toBe(set.size);
    expect(Array.from({ length: 60 }, (_, i) => has(ranges, i))).toEqual(
      Array.from({ length: 60 }, (_, i) => set.has(i)),
    );
  }
});
