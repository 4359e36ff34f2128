// The fake has to keep the contract too, else tests over it prove nothing.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { matches } from "../lib/topicfilter";
import { fakeHost, type FakeHost } from "./fake";

const NOON = Date.UTC(2026, 10, 21, 14, 7, 42);
const nothing = { filter: "", client: "", text: "", json: "", from: null, to: null, qos: null, retain: null };

let host: FakeHost;
beforeEach(() => {
  vi.useFakeTimers({ now: NOON, toFake: ["Date", "setTimeout", "clearTimeout"] });
  host = fakeHost(new URLSearchParams());
});
afterEach(() => vi.useRealTimers());

describe("the fake host", () => {
  it("is the same in every run", async () => {
    const other = fakeHost(new URLSearchParams());
    const query = { topic: "factory/line-2/press-04/temperature", after: null, limit: 50 };
    expect(await other.topicMessages(query)).toEqual(await host.topicMessages(query));
    expect(await other.vitals()).toEqual(await host.vitals());
  });

  it("has the reference's 1,284 topics, 128 clients and 342 retained messages", async () => {
    const vitals = await host.vitals();
    // Six more are the broker's own, below $SYS.
    expect(vitals.topics).toBe(1284 + 6);
    expect(vitals.clients).toBe(128);
    expect(vitals.retained).toBe(342);
  });

  it("counts the tree's rows as it gives them", async () => {
    const query = { expanded: ["factory", "factory/line-2"], filter: "", sort: "name" as const, first: 0, count: 1000 };
    const all = await host.topicRows(query);
    expect(all.rows).toHaveLength(all.total);
    const part = await host.topicRows({ ...query, first: 3, count: 4 });
    expect(part.rows.map(({ path }) => path)).toEqual(all.rows.slice(3, 7).map(({ path }) => path));
  });

  it("gives each message of a topic once, newest first, with `after`", async () => {
    const query = { topic: "factory/line-2/press-04/pressure", after: null, limit: 20 };
    const before = await host.topicMessages(query);
    vi.setSystemTime(NOON + 1000);
    const after = await host.topicMessages({ ...query, after: before.rows[0]!.id });
    expect(after.rows).toHaveLength(10);
    expect(after.skipped).toBe(0);
    expect(after.total - before.total).toBe(10);
    const ids = [...after.rows, ...before.rows].map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => b - a));
  });

  it("finds in the history what a look at every row finds", async () => {
    const all = await host.historyOpen(nothing);
    const from = NOON - 600_000;
    const filter = "factory/line-2/+/state";
    const { search } = await host.historyOpen({ ...nothing, filter, from });
    let progress = (await host.historyPage(search, 0, 0)).progress;
    while (!progress.done) {
      await vi.advanceTimersByTimeAsync(1);
      progress = (await host.historyPage(search, 0, 0)).progress;
    }
    const found = (await host.historyPage(search, 0, progress.found)).rows;
    const looked = (await host.historyPage(all.search, 0, 6000)).rows.filter(
      (row) => row.at >= from && matches(filter, row.topic),
    );
    expect(looked.length).toBeGreaterThan(5);
    expect(found).toEqual(looked);
  });

  it("brings back what is published, keeps it if retained, and clears it", async () => {
    const connecting = host.publisherConnect({ client_id: "me", version: "5.0", clean_start: true });
    await vi.advanceTimersByTimeAsync(1000);
    await connecting;
    await host.publisherSubscribe({ filter: "hello/#", qos: 1, no_local: false });
    const properties = {
      payload_is_text: null,
      message_expiry_interval: null,
      content_type: null,
      response_topic: null,
      correlation_data: null,
      user_properties: [],
    };
    await host.publisherPublish({ topic: "hello/world", payload: btoa("hi"), qos: 1, retain: true, properties });
    expect((await host.publisher(0)).inbox[0]?.row.preview).toBe("hi");
    expect((await host.retainedMessage("hello/world")).payload.text).toBe("hi");
    expect((await host.topicMessages({ topic: "hello/world", after: null, limit: 10 })).rows[0]?.publisher).toBe("me");
    expect(await host.clearRetained({ which: "filter", value: "hello/#" })).toBe(1);
    await expect(host.retainedMessage("hello/world")).rejects.toMatchObject({ what: expect.any(String) });
  });
});
