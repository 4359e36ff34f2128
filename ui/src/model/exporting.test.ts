import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Host } from "../host/host";
import type { HistoryExport } from "../host/types/HistoryExport";
import { Exporting } from "./exporting.svelte";
import { hostOf, stage } from "./testing";
import { Wanted } from "./wanted.svelte";

let looks: number;
let refusal: unknown;
let asked: unknown[];
let begun: unknown[][];
/** What the user chooses; undefined where there is nothing to choose with. */
let chosen: string | null | undefined;
let host: Host;
let exporting: Exporting;
const at = (progress: number): HistoryExport => ({ file: "/x/a.csv", progress, written: progress === 1 ? 12 : null });

beforeEach(() => {
  stage();
  [looks, refusal] = [0, undefined];
  [asked, begun, chosen] = [[], [], "/chosen/x.jsonl"];
  host = hostOf({
    exportDirectory: async () => "/home/anna",
    exportChoose: async (format, name) => {
      asked.push([format, name]);
      if (chosen === undefined) throw { what: "No file", why: "No dialog", action: "Write the path" };
      return chosen;
    },
    exportBegin: async (_query, ...how) => {
      begun.push(how);
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

test("the desktop is asked for a file by a name that bears the time, and what it says may be written over", async () => {
  void exporting.ask(new Date(2026, 10, 22, 9, 5, 7));
  await vi.advanceTimersByTimeAsync(2000);
  expect(asked).toEqual([["json_lines", "nightjar-2026-11-22-090507.jsonl"]]);
  expect(begun).toEqual([[null, "json_lines", "/chosen/x.jsonl", true]]);
  expect([exporting.written, exporting.typed]).toEqual([12, false]);
});

test("who chooses no file exports nothing", async () => {
  chosen = null;
  await exporting.ask(new Date());
  expect([begun, exporting.choosing, exporting.fault, exporting.typed]).toEqual([[], false, undefined, false]);
});

test("where the desktop has no dialog the path is typed; it follows the format, and nothing is written over", async () => {
  chosen = undefined;
  await exporting.ask(new Date(2026, 10, 22, 9, 5, 7));
  expect([exporting.typed, exporting.file]).toEqual([true, "/home/anna/nightjar-2026-11-22-090507.jsonl"]);
  exporting.choose("csv");
  expect(exporting.file).toBe("/home/anna/nightjar-2026-11-22-090507.csv");
  void exporting.begin();
  await vi.advanceTimersByTimeAsync(1);
  expect(begun).toEqual([[null, "csv", exporting.file, false]]);
  exporting.file = "/tmp/mine.txt";
  exporting.choose("json_lines");
  expect(exporting.file).toBe("/tmp/mine.txt");
});

test("what was picked is written, and nothing else", async () => {
  const picked = { search: 3, ranges: [[0, 2]] as [number, number][] };
  void new Exporting(host, new Wanted().query(), picked).ask(new Date());
  await vi.advanceTimersByTimeAsync(1);
  expect(begun[0]?.[0]).toEqual(picked);
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
