import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { HistoryPlot } from "../host/types/HistoryPlot";
import { Wanted } from "./wanted.svelte";
import { numberPath, Plot } from "./plot.svelte";
import { hostOf, stage } from "./testing";

let looks: number;
let closed: number[];
let refusal: unknown;
const plot = (done: boolean): HistoryPlot => ({
  plot: 7,
  progress: done ? 1 : 0.5,
  done,
  without_number: 3,
  points: [
    { at: 0, count: 1, min: 2, max: 2, mean: 2, last: 2 },
    { at: 10, count: 3, min: 4, max: 9, mean: 6, last: 5 },
  ],
});
const make = () =>
  new Plot(
    hostOf({
      plotOpen: async () => {
        if (refusal) throw refusal;
        return plot(false);
      },
      plotLook: async () => plot((looks += 1) === 2),
      plotClose: async (number) => void closed.push(number),
    }),
    new Wanted().query(),
    0,
    20,
  );

beforeEach(() => {
  stage();
  [looks, closed, refusal] = [0, [], undefined];
});
afterEach(() => vi.useRealTimers());

test("it is looked at until it is done, and its figures are of all numbers", async () => {
  const chart = make();
  void chart.draw();
  await vi.advanceTimersByTimeAsync(2000);
  expect([looks, chart.data?.done]).toEqual([2, true]);
  expect(chart.figures).toEqual({ count: 4, last: 5, min: 2, max: 9, mean: 5 });
});

test("closed, it asks no more", async () => {
  const chart = make();
  void chart.draw();
  await vi.advanceTimersByTimeAsync(1);
  chart.close();
  await vi.advanceTimersByTimeAsync(2000);
  expect([looks, closed]).toEqual([0, [7]]);
});

test("what is wrong with the path is kept until it is right", async () => {
  refusal = { what: "The path is not valid", why: "A path begins with $", action: "" };
  const chart = make();
  await chart.draw();
  expect(chart.fault?.why).toBe("A path begins with $");
  refusal = undefined;
  void chart.draw();
  await vi.advanceTimersByTimeAsync(1);
  expect(chart.fault).toBeUndefined();
  chart.close();
});

test("the first number of a payload", () => {
  expect(numberPath("21.5")).toBe("$");
  expect(numberPath('{"unit":"C","value":3}')).toBe("$.value");
  expect(numberPath('{"a b":{"x":1}}')).toBe('$["a b"].x');
  for (const none of ["off", '{"on":true}', "[1]", "", null, undefined]) expect(numberPath(none)).toBeUndefined();
});
