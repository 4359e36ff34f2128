import { expect, test } from "vitest";
import { Draft, NO_PROPERTIES } from "./draft.svelte";

test("a message without a topic, or with one that has wildcards, is not complete", () => {
  const draft = new Draft();
  expect(draft.message(true)).toBeUndefined();
  draft.topic = "a/+";
  expect(draft.topicError).toMatch(/takes no \+/);
  expect(draft.message(true)).toBeUndefined();
  draft.topic = "a/b";
  expect(draft.message(true)).toEqual({ topic: "a/b", payload: "", qos: 0, retain: false, properties: NO_PROPERTIES });
});

test("properties go along with MQTT 5.0 only, and stay written meanwhile", () => {
  const draft = new Draft();
  draft.topic = "a";
  draft.contentType = "text/plain";
  draft.expiry = " 60 ";
  draft.correlation.text = "id";
  draft.user = [
    { name: "site", value: "x" },
    { name: "", value: "" },
  ];
  expect(draft.message(true)?.properties).toEqual({
    payload_is_text: null,
    message_expiry_interval: 60,
    content_type: "text/plain",
    response_topic: null,
    correlation_data: btoa("id"),
    user_properties: [["site", "x"]],
  });
  expect(draft.propertyCount).toBe(4);
  expect(draft.message(false)?.properties).toEqual(NO_PROPERTIES);
});

test.each<[string, (draft: Draft) => void]>([
  ["an expiry of words", (draft) => (draft.expiry = "soon")],
  ["an expiry beyond four bytes", (draft) => (draft.expiry = "4294967296")],
  ["a response topic with a wildcard", (draft) => (draft.responseTopic = "a/#")],
  ["a value without a name", (draft) => (draft.user = [{ name: "", value: "x" }])],
  ["correlation data of half a byte", (draft) => ((draft.correlation.form = "hex"), (draft.correlation.text = "a"))],
  ["text that is none", (draft) => ((draft.isText = true), draft.payload.set(Uint8Array.of(0xff)))],
])("%s is refused with MQTT 5.0 and of no matter below", (_, spoil) => {
  const draft = new Draft();
  draft.topic = "a";
  spoil(draft);
  expect(draft.propertiesWrong).toBe(true);
  expect(draft.message(true)).toBeUndefined();
  expect(draft.message(false)).toBeDefined();
});

test("a message that was loaded comes out as it was", () => {
  const message = {
    topic: "a/ü",
    payload: btoa("\xff\x00"),
    qos: 2,
    retain: true,
    properties: {
      payload_is_text: null,
      message_expiry_interval: 0,
      content_type: "image/jpeg",
      response_topic: "a/reply",
      correlation_data: btoa("\xfe"),
      user_properties: [
        ["k", "1"],
        ["k", "2"],
      ] as [string, string][],
    },
  };
  const draft = new Draft();
  draft.load(message);
  expect(draft.message(true)).toEqual(message);
  expect(draft.snapshot()).toEqual(message);
});

test("a topic alone leaves the payload; a payload without properties clears those of the one before", () => {
  const draft = new Draft();
  draft.payload.text = "21";
  draft.contentType = "text/plain";
  draft.load({ topic: "b" });
  expect([draft.topic, draft.payload.text, draft.contentType]).toEqual(["b", "21", "text/plain"]);
  draft.load({ payload: btoa("22") });
  expect([draft.topic, draft.payload.text, draft.contentType]).toEqual(["b", "22", ""]);
});
