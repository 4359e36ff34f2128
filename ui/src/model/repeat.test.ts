import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { NO_PROPERTIES } from "./draft.svelte";
import { Repeat } from "./repeat.svelte";

const message = { topic: "a", payload: "", qos: 1, retain: false, properties: NO_PROPERTIES };
let sent: number;
let takes: number;
let fault: unknown;
let repeat: Repeat;

beforeEach(() => {
  vi.useFakeTimers();
  sent = 0;
  takes = 0;
  fault = undefined;
  repeat = new Repeat(async () => {
    if (takes > 0) await new Promise((resolve) => setTimeout(resolve, takes));
    if (fault !== undefined) throw fault;
    sent += 1;
  });
  repeat.every = "100";
});
afterEach(() => {
  repeat.stop();
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test("it sends at once and then every so often, until it is stopped", async () => {
  repeat.start(message);
  await pass(0);
  expect(sent).toBe(1);
  await pass(450);
  expect([sent, repeat.sent, repeat.state]).toEqual([5, 5, "running"]);
  repeat.stop();
  await pass(1000);
  expect([sent, repeat.state]).toEqual([5, "idle"]);
});

test("it ends after the number that was asked for", async () => {
  repeat.times = "3";
  repeat.start(message);
  await pass(5000);
  expect([sent, repeat.state]).toEqual([3, "idle"]);
});

test("never two are on the way: a slow acknowledgement slows it down", async () => {
  takes = 250;
  repeat.start(message);
  // A timer of no time takes a millisecond.
  await pass(1010);
  expect(sent).toBe(4);
});

test("a failure pauses it with its reason, and it goes on from there", async () => {
  repeat.start(message);
  await pass(150);
  fault = { what: "The message was not published", why: "No connection", action: "" };
  await pass(100);
  expect([repeat.state, repeat.fault?.why]).toEqual(["paused", "No connection"]);
  await pass(5000);
  expect(sent).toBe(2);
  fault = undefined;
  repeat.resume();
  await pass(0);
  expect([repeat.state, repeat.sent, repeat.fault]).toEqual(["running", 3, undefined]);
});

test("what was on its way when it was stopped neither counts nor goes on", async () => {
  takes = 50;
  repeat.start(message);
  repeat.stop();
  await pass(1000);
  expect([sent, repeat.sent, repeat.state]).toEqual([1, 0, "idle"]);
});

test.each([
  ["9", "", true],
  ["10", "", false],
  ["3600001", "", true],
  ["1e3", "", true],
  ["", "", true],
  ["100", "0", true],
  ["100", "1000000", false],
  ["100", "1000001", true],
])("every %j ms, %j times: refused %s", async (every, times, refused) => {
  repeat.every = every;
  repeat.times = times;
  expect((repeat.everyError ?? repeat.timesError) !== undefined).toBe(refused);
  repeat.start(message);
  expect(repeat.state).toBe(refused ? "idle" : "running");
});
