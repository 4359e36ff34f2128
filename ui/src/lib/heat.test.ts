import { expect, test } from "vitest";
import { heat } from "./heat";

test("activity in log scale", () => {
  expect([0, -1, NaN].map(heat)).toEqual([0, 0, 0]);
  expect(heat(0.1)).toBeGreaterThan(0.1);
  expect(heat(10_000)).toBe(1);
  expect(heat(1e9)).toBe(1);
  const steps = [1, 10, 100, 1000].map(heat);
  expect(steps).toEqual([...steps].sort((a, b) => a - b));
  expect(new Set(steps).size).toBe(4);
});
