// Sentences that more than one place shows, so that they are said in one way.

export const strings = {
  copied: {
    topic: "Topic copied",
    payload: "Payload copied",
    client: "Client identifier copied",
    record: "Record copied",
    value: "Copied",
  },
  payload: {
    empty: "The payload is empty.",
    truncated: (shown: string, size: string) => `The first ${shown} of ${size} are shown.`,
    unchanged: "Nothing changed since the message before.",
    first: "There is no message before this one on its topic.",
    mostChanged: "Most of the bytes changed since the message before.",
  },
  noTopics: {
    title: "No messages yet",
    text: "Each topic appears here with its first message. Connect a device, or publish one yourself.",
    action: "Publish a message",
  },
} as const;

/** Parts of a fault, which come without full stops, as sentences. */
export function sentences(...parts: string[]): string {
  return parts
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => (/[.!?…]$/.test(part) ? part : `${part}.`))
    .join(" ");
}
