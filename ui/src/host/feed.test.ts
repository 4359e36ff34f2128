import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PERIOD } from "./beat";
import { Feed, STALE_AFTER } from "./feed.svelte";

class FakeDocument extends EventTarget {
  hidden = false;
}

/** A host whose answers come when the test says so. */
class Answers {
  asked = 0;
  #open: { resolve: (n: number) => void; reject: (why: unknown) => void }[] = [];
  ask = (): Promise<number> => {
    this.asked += 1;
    return new Promise((resolve, reject) => this.#open.push({ resolve, reject }));
  };
  get waiting(): number {
    return this.#open.length;
  }
  async answer(n: number): Promise<void> {
    this.#open.shift()?.resolve(n);
    await vi.advanceTimersByTimeAsync(0);
  }
  async fail(why: unknown): Promise<void> {
    this.#open.shift()?.reject(why);
    await vi.advanceTimersByTimeAsync(0);
  }
}

let page: FakeDocument;
let answers: Answers;
let pausing: { paused: boolean };
let feed: Feed<number>;
/** What a test opened and did not close itself: the beat outlives the test as long as anybody hears it. */
let closing: (() => void)[] = [];

function open(one = feed): () => void {
  const close = one.open();
  closing.push(close);
  return close;
}

beforeEach(() => {
  vi.useFakeTimers();
  page = new FakeDocument();
  vi.stubGlobal("document", page);
  answers = new Answers();
  pausing = { paused: false };
  feed = new Feed(pausing, answers.ask);
});
afterEach(() => {
  for (const close of closing) close();
  closing = [];
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a feed", () => {
  it("asks when it is opened, and then four times a second", async () => {
    open();
    expect(answers.asked).toBe(1);
    await answers.answer(1);
    expect(feed.data).toBe(1);
    await vi.advanceTimersByTimeAsync(PERIOD);
    expect(answers.asked).toBe(2);
    await answers.answer(2);
    expect(feed.data).toBe(2);
  });

  it("has one request on the way at most, however late the answer is", async () => {
    open();
    await vi.advanceTimersByTimeAsync(20 * PERIOD);
    feed.refresh();
    feed.refresh();
    expect(answers.asked).toBe(1);
    await answers.answer(1);
    // The two wishes are one question.
    expect(answers.asked).toBe(2);
    expect(answers.waiting).toBe(1);
  });

  it("stops when it is closed by all that opened it", async () => {
    const close = open();
    const alsoClose = open();
    expect(answers.asked).toBe(1);
    await answers.answer(1);
    close();
    close();
    await vi.advanceTimersByTimeAsync(PERIOD);
    expect(answers.asked).toBe(2);
    alsoClose();
    await answers.answer(9);
    expect(feed.data).toBe(1);
    await vi.advanceTimersByTimeAsync(10 * PERIOD);
    expect(answers.asked).toBe(2);
  });

  it("stands still while the window is hidden, and asks as soon as it is back", async () => {
    open();
    await answers.answer(1);
    page.hidden = true;
    await vi.advanceTimersByTimeAsync(40 * PERIOD);
    expect(answers.asked).toBe(1);
    expect(feed.stale).toBe(false);
    page.hidden = false;
    page.dispatchEvent(new Event("visibilitychange"));
    expect(answers.asked).toBe(2);
  });

  it("stands still while paused, but answers what the user asks for", async () => {
    open();
    await answers.answer(1);
    pausing.paused = true;
    await vi.advanceTimersByTimeAsync(40 * PERIOD);
    expect(answers.asked).toBe(1);
    expect(feed.stale).toBe(false);
    feed.refresh();
    expect(answers.asked).toBe(2);
    await answers.answer(2);
    expect(feed.data).toBe(2);
  });

  it("opened while paused, shows what it had, and asks only if that is nothing", async () => {
    pausing.paused = true;
    const close = open();
    expect(answers.asked).toBe(1);
    await answers.answer(1);
    close();
    open();
    await vi.advanceTimersByTimeAsync(4 * PERIOD);
    expect(answers.asked).toBe(1);
    expect(feed.data).toBe(1);
  });

  it("asks together with all others, whenever each was opened", async () => {
    const other = new Answers();
    open();
    await answers.answer(1);
    await vi.advanceTimersByTimeAsync(PERIOD * 0.6);
    open(new Feed(pausing, other.ask));
    await other.answer(1);
    expect([answers.asked, other.asked]).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(PERIOD * 0.4);
    expect([answers.asked, other.asked]).toEqual([2, 2]);
  });

  it("with a longer period asks on every so many beats, or as soon as it can after one that it missed", async () => {
    const seldom = new Answers();
    const slow = new Feed(pausing, seldom.ask, 4 * PERIOD);
    open(slow);
    await seldom.answer(1);
    await vi.advanceTimersByTimeAsync(4 * PERIOD);
    expect(seldom.asked).toBe(2);
    await vi.advanceTimersByTimeAsync(5 * PERIOD);
    expect([seldom.asked, slow.stale]).toEqual([2, false]);
    await seldom.answer(2);
    await vi.advanceTimersByTimeAsync(PERIOD);
    expect(seldom.asked).toBe(3);
  });

  it("is stale once the last answer is older than two seconds, until the next one", async () => {
    open();
    await answers.answer(1);
    await vi.advanceTimersByTimeAsync(STALE_AFTER - 100);
    expect(feed.stale).toBe(false);
    await vi.advanceTimersByTimeAsync(1000);
    expect(feed.stale).toBe(true);
    await answers.answer(2);
    expect(feed.stale).toBe(false);
  });

  it("keeps its data when a request fails, says why, and goes on", async () => {
    open();
    await answers.answer(1);
    await vi.advanceTimersByTimeAsync(PERIOD);
    await answers.fail({ what: "It broke", why: "because", action: "wait" });
    expect(feed.data).toBe(1);
    expect(feed.fault?.what).toBe("It broke");
    await vi.advanceTimersByTimeAsync(PERIOD);
    await answers.answer(2);
    expect(feed.data).toBe(2);
    expect(feed.fault).toBeUndefined();
  });

  it("puts what is no fault into the words of one", async () => {
    open();
    await answers.fail("command vitals not found");
    expect(feed.fault).toEqual({
      what: "The window could not reach the broker",
      why: "command vitals not found",
      action: "Close Nightjar and start it again",
    });
  });

  it("forgets on reset, and drops the answer to the old question", async () => {
    open();
    await answers.answer(1);
    await vi.advanceTimersByTimeAsync(PERIOD);
    feed.reset();
    expect(feed.data).toBeUndefined();
    expect(answers.waiting).toBe(2);
    await answers.answer(100);
    expect(feed.data).toBeUndefined();
    await answers.answer(2);
    expect(feed.data).toBe(2);
  });
});
