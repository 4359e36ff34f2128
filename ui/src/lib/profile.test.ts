import { expect, test } from "vitest";
import { profile, samplePositions } from "./profile";

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);

test("positions have both ends, and no more than there are rows", () => {
  expect(samplePositions(3, 10)).toEqual([0, 1, 2]);
  expect(samplePositions(1_000_000, 5)).toEqual([0, 250_000, 500_000, 749_999, 999_999]);
  expect(samplePositions(0, 5)).toEqual([]);
});

test("every row is counted once", () => {
  const times = Array.from({ length: 500 }, (_, i) => 10_000 - i * i * 0.03);
  const points = times.map((at, i) => [i, at] as const);
  expect(sum(profile(points, 40))).toBeCloseTo(500);
  const some = samplePositions(500, 30).map((i) => [i, times[i]!] as const);
  expect(sum(profile(some, 40))).toBeCloseTo(500);
});

test("a burst stands where it was", () => {
  // 100 messages a second for a second, in the middle of ten quiet ones.
  const times = [
    10_000,
    9000,
    8000,
    7000,
    ...Array.from({ length: 100 }, (_, i) => 5999 - i * 10),
    3000,
    2000,
    1000,
    0,
  ];
  const counts = profile(
    samplePositions(times.length, 60).map((i) => [i, times[i]!] as const),
    10,
  );
  expect(counts.indexOf(Math.max(...counts))).toBe(5);
  expect(counts[5]).toBeGreaterThan(80);
});

test("one row, or all at once", () => {
  expect(sum(profile([[0, 5]], 4))).toBe(1);
  expect(
    sum(
      profile(
        [
          [0, 5],
          [1, 5],
          [2, 5],
        ],
        4,
      ),
    ),
  ).toBe(3);
  expect(profile([], 3)).toEqual([0, 0, 0]);
});
