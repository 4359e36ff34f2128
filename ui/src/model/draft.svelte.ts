// A message while it is being written, and what is wrong with it so far.

import type { OutgoingMessage } from "../host/types/OutgoingMessage";
import type { Properties } from "../host/types/Properties";
import { decodeBase64, encodeBase64 } from "../lib/payload";
import { topicError } from "../lib/topicfilter";
import { PayloadDraft } from "./payloaddraft.svelte";

export const NO_PROPERTIES: Properties = {
  payload_is_text: null,
  message_expiry_interval: null,
  content_type: null,
  response_topic: null,
  correlation_data: null,
  user_properties: [],
};

export interface UserProperty {
  name: string;
  value: string;
}

const FOUR_BYTES = 4_294_967_295;
/** What a string and a piece of binary data in MQTT may have at most. */
const TWO_BYTES = 65_535;

export class Draft {
  topic = $state("");
  readonly payload = new PayloadDraft();
  qos = $state(0);
  retain = $state(false);

  isText = $state(false);
  expiry = $state("");
  contentType = $state("");
  responseTopic = $state("");
  readonly correlation = new PayloadDraft();
  user = $state<UserProperty[]>([]);

  readonly topicError = $derived(topicError(this.topic) ?? undefined);
  readonly expiryError = $derived.by(() => {
    const text = this.expiry.trim();
    if (text === "") return undefined;
    return /^\d+$/.test(text) && Number(text) <= FOUR_BYTES ? undefined : "Write whole seconds, at most 4,294,967,295.";
  });
  readonly contentTypeError = $derived(tooLong(this.contentType));
  readonly responseTopicError = $derived(
    this.responseTopic === "" ? undefined : (topicError(this.responseTopic) ?? undefined),
  );
  readonly correlationError = $derived.by(() => {
    const { bytes, error } = this.correlation;
    return error ?? ((bytes?.length ?? 0) > TWO_BYTES ? "Correlation data takes at most 65,535 bytes." : undefined);
  });
  readonly isTextError = $derived.by(() =>
    this.isText && !this.payload.isUtf8 ? "This payload is not UTF-8 text." : undefined,
  );
  readonly userErrors = $derived(
    this.user.map(({ name, value }) =>
      name === "" && value !== "" ? "Write a name." : (tooLong(name) ?? tooLong(value)),
    ),
  );

  /** How many properties are set: what the folded part holds. */
  readonly propertyCount = $derived.by(
    () =>
      Number(this.isText) +
      Number(this.expiry.trim() !== "") +
      Number(this.contentType !== "") +
      Number(this.responseTopic !== "") +
      Number(this.correlation.text !== "" || this.correlation.file !== undefined) +
      this.user.filter(({ name, value }) => name !== "" || value !== "").length,
  );
  readonly propertiesWrong = $derived.by(
    () =>
      [this.expiryError, this.contentTypeError, this.responseTopicError, this.correlationError, this.isTextError].some(
        (error) => error !== undefined,
      ) || this.userErrors.some((error) => error !== undefined),
  );
  readonly empty = $derived.by(
    () => this.topic === "" && this.payload.text === "" && this.payload.file === undefined && this.propertyCount === 0,
  );

  /** The message, where it is complete. Properties are left out below MQTT 5.0, which knows none. */
  message(v5: boolean): OutgoingMessage | undefined {
    const { bytes } = this.payload;
    if (this.topicError !== undefined || bytes === undefined || (v5 && this.propertiesWrong)) return undefined;
    return {
      topic: this.topic,
      payload: encodeBase64(bytes),
      qos: this.qos,
      retain: this.retain,
      properties: v5 ? this.properties() : NO_PROPERTIES,
    };
  }

  properties(): Properties {
    const correlation = this.correlation.bytes;
    return {
      payload_is_text: this.isText ? true : null,
      message_expiry_interval: this.expiry.trim() === "" ? null : Number(this.expiry),
      content_type: this.contentType === "" ? null : this.contentType,
      response_topic: this.responseTopic === "" ? null : this.responseTopic,
      correlation_data: correlation === undefined || correlation.length === 0 ? null : encodeBase64(correlation),
      user_properties: this.user
        .filter(({ name }) => name !== "")
        .map(({ name, value }): [string, string] => [name, value]),
    };
  }

  /** Takes what is given; what is not, begins anew where there is a payload, and stays where only the topic came. */
  load(message: Partial<OutgoingMessage>): void {
    if (message.topic !== undefined) this.topic = message.topic;
    if (message.payload !== undefined) this.payload.set(decodeBase64(message.payload));
    if (message.qos !== undefined) this.qos = message.qos;
    if (message.retain !== undefined) this.retain = message.retain;
    const properties = message.properties ?? (message.payload === undefined ? undefined : NO_PROPERTIES);
    if (!properties) return;
    this.isText = properties.payload_is_text === true;
    this.expiry = properties.message_expiry_interval?.toString() ?? "";
    this.contentType = properties.content_type ?? "";
    this.responseTopic = properties.response_topic ?? "";
    this.correlation.clear();
    this.correlation.form = "text";
    if (properties.correlation_data !== null) this.correlation.set(decodeBase64(properties.correlation_data));
    this.user = properties.user_properties.map(([name, value]) => ({ name, value }));
  }

  /** As it stands, valid or not, so that `load` can bring it back. */
  snapshot(): OutgoingMessage {
    return {
      topic: this.topic,
      payload: encodeBase64(this.payload.bytes ?? new Uint8Array()),
      qos: this.qos,
      retain: this.retain,
      properties: {
        ...this.properties(),
        message_expiry_interval: this.expiryError ? null : this.properties().message_expiry_interval,
      },
    };
  }
}

function tooLong(text: string): string | undefined {
  return text.length > TWO_BYTES / 3 && new TextEncoder().encode(text).length > TWO_BYTES
    ? "This takes at most 65,535 bytes."
    : undefined;
}
