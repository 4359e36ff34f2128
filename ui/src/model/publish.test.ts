import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { OutgoingMessage } from "../host/types/OutgoingMessage";
import type { PublisherOptions } from "../host/types/PublisherOptions";
import type { PublisherState } from "../host/types/PublisherState";
import type { PublisherSubscription } from "../host/types/PublisherSubscription";
import type { App } from "./app.svelte";
import { Publish, resultText } from "./publish.svelte";
import { hostOf, stage } from "./testing";

let state: PublisherState;
let options: PublisherOptions;
let refuse: string | undefined;
let published: OutgoingMessage[];
let subscribed: PublisherSubscription[];
let toasts: { text: string; undo: (() => void) | undefined }[];
let model: Publish;
let close: () => void;

beforeEach(() => {
  stage();
  state = { state: "disconnected" };
  options = { client_id: "window-7", version: "5.0", clean_start: true };
  refuse = undefined;
  published = [];
  subscribed = [];
  toasts = [];
  const app = {
    paused: false,
    now: 0,
    host: hostOf({
      publisher: async () => ({ state, options, subscriptions: subscribed, received: 0, inbox: [] }),
      publisherConnect: async (wanted) => {
        if (refuse !== undefined) {
          state = { state: "failed", why: refuse };
          throw { what: "The window did not connect", why: refuse, action: "" };
        }
        options = wanted;
        state = { state: "connected", since: 0, session_present: false };
      },
      publisherDisconnect: async () => void (state = { state: "disconnected" }),
      publisherPublish: async (message) => {
        published.push(message);
        return { acknowledged_after: 1.84, reason: "No matching subscribers" };
      },
      publisherSubscribe: async (subscription) => void (subscribed = [...subscribed, subscription]),
      publisherUnsubscribe: async (filter) => void (subscribed = subscribed.filter((one) => one.filter !== filter)),
    }),
    toasts: { say: (text: string, undo?: () => void) => toasts.push({ text, undo }) },
  } as unknown as App;
  model = new Publish(app, undefined);
  close = model.feed.open();
});
afterEach(() => {
  model.repeat.stop();
  close();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(300);

test("the form takes over the host's options once, and then is the user's", async () => {
  await settle();
  expect(model.clientId).toBe("window-7");
  model.clientId = "mine";
  await settle();
  expect(model.clientId).toBe("mine");
  model.clientId = "";
  expect(model.clientIdError).toBeDefined();
});

test("publishing connects first, and says what became of the message", async () => {
  await settle();
  model.draft.topic = "a/b";
  model.draft.payload.text = "21";
  model.draft.qos = 1;
  await model.publish();
  await settle();
  expect(model.connected).toBe(true);
  expect(published).toMatchObject([{ topic: "a/b", payload: btoa("21"), qos: 1 }]);
  expect(resultText(model.result!)).toBe("Acknowledged after 1.8 ms: No matching subscribers");
  expect(model.presets.recent).toHaveLength(1);
});

test("a refused connection is said at the connection, and nothing is sent", async () => {
  await settle();
  refuse = "The broker refused the Client Identifier (0x85)";
  model.draft.topic = "a";
  await model.publish();
  expect(published).toEqual([]);
  expect(model.connectFault?.why).toBe(refuse);
  expect(model.publishFault).toBeUndefined();
});

test("an incomplete message is not sent, and folded properties that are wrong unfold", async () => {
  await settle();
  await model.publish();
  expect([model.tried, published.length]).toEqual([true, 0]);
  model.draft.topic = "a";
  model.draft.expiry = "never";
  await model.publish();
  expect([model.propertiesOpen, published.length]).toEqual([true, 0]);
  model.version = "3.1.1";
  await model.publish();
  expect(published).toHaveLength(1);
});

test("a subscription is checked at its field", async () => {
  await settle();
  await model.subscribe();
  expect(model.filterError).toBe("Write a filter.");
  model.filter = "$share/g/a";
  model.noLocal = true;
  expect(model.filterError).toMatch(/No local/);
  model.version = "3.1.1";
  expect(model.filterError).toBeUndefined();
  await model.subscribe();
  await settle();
  // MQTT 3.1.1 knows no No Local: the box does not count.
  expect(model.subscriptions).toEqual([{ filter: "$share/g/a", qos: 0, no_local: false }]);
  expect(model.filter).toBe("");
  await model.unsubscribe("$share/g/a");
  await settle();
  expect(model.subscriptions).toEqual([]);
});

test("a message from another screen replaces the draft, and Undo brings it back", async () => {
  model.draft.topic = "mine";
  model.draft.payload.text = "precious";
  model.open({ topic: "a", payload: btoa("1") });
  expect(model.draft.payload.text).toBe("1");
  toasts[0]?.undo?.();
  expect([model.draft.topic, model.draft.payload.text]).toEqual(["mine", "precious"]);
  model.open({ topic: "b" });
  expect([model.draft.topic, model.draft.payload.text]).toEqual(["b", "precious"]);
  expect(toasts).toHaveLength(1);
});

test("disconnecting ends the repetition", async () => {
  await settle();
  model.draft.topic = "a";
  await model.startRepeat();
  await settle();
  expect(model.repeat.state).toBe("running");
  await model.disconnect();
  expect(model.repeat.state).toBe("idle");
});

test.each([
  [0, null, null, "Sent. QoS 0 is not acknowledged."],
  [1, 12.4, "Success", "Acknowledged after 12 ms"],
  [2, 1234, null, "Acknowledged after 1.2 s"],
])("QoS %d, %s ms, %s", (qos, acknowledged_after, reason, text) => {
  expect(resultText({ at: 0, topic: "a", qos, published: { acknowledged_after, reason } })).toBe(text);
});
