import type { Properties } from "../types/Properties";

export const NO_PROPERTIES: Properties = {
  payload_is_text: null,
  message_expiry_interval: null,
  content_type: null,
  response_topic: null,
  correlation_data: null,
  user_properties: [],
};
