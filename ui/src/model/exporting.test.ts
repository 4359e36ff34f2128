import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { HistoryExport } from "../host/types/HistoryExport";
import { Exporting } from "./exporting.svelte";
import { hostOf, stage } from "./testing";
import { Wanted } from "./wanted.svelte";

let looks: number;
let refusal: unknown;
let exporting: Exporting;
const at = (progress: number): HistoryExport => ({ file: "/x/a.csv", progress, written: progress === 1 ? 12 : null });

beforeEach(() => {
  stage();
  [looks, refusal] = [0, undefined];
  const host = hostOf({
    exportDirectory: async () => "/home/anna",
    exportBegin: async () => {
      if (refusal) throw refusal;
      return at(0);
    },
    exportLook: async () => {
      if (refusal) throw refusal;
      looks += 1;
      return at(Math.min(1, looks / 3));
    },
    exportCancel: async () => void (refusal = { what: "Not exported", why: "It was cancelled", action: "" }),
  });
  exporting = new Exporting(host, new Wanted().query());
});
afterEach(() => vi.useRealTimers());

test("the proposed name bears the time, and follows the format", async () => {
  await exporting.propose(new Date(2026, 10, 22, 9, 5, 7));
  expect(exporting.file).toBe("/home/anna/nightjar-2026-11-22-090507.jsonl");
  exporting.choose("csv");
  expect(exporting.file).toBe("/home/anna/nightjar-2026-11-22-090507.csv");
  exporting.file = "/tmp/mine.txt";
  exporting.choose("json_lines");
  expect(exporting.file).toBe("/tmp/mine.txt");
});

test("it is looked at until it is written", async () => {
  void exporting.begin();
  await vi.advanceTimersByTimeAsync(250);
  expect([exporting.running, exporting.progress?.progress]).toEqual([true, 1 / 3]);
  await vi.advanceTimersByTimeAsync(2000);
  expect([exporting.running, exporting.written, looks]).toEqual([false, 12, 3]);
});

test("cancelled, it goes back to where it began, without a complaint", async () => {
  void exporting.begin();
  await vi.advanceTimersByTimeAsync(1);
  exporting.cancel();
  await vi.advanceTimersByTimeAsync(500);
  expect([exporting.progress, exporting.fault]).toEqual([undefined, undefined]);
});

test("what fails says why, and can be tried again", async () => {
  refusal = { what: "Not exported", why: "/x/a.csv is there already", action: "Choose another name" };
  await exporting.begin();
  expect(exporting.fault?.why).toMatch(/already/);
  refusal = undefined;
  void exporting.begin();
  await vi.advanceTimersByTimeAsync(2000);
  expect([exporting.fault, exporting.written]).toEqual([undefined, 12]);
});
