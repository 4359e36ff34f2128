// A gap of the history in a sentence.

import type { HistoryGap } from "../host/types/HistoryGap";
import { plural, timeToSecond } from "./format";

export function gapText({ from, to, messages, reason }: HistoryGap): string {
  const now = Date.now();
  const which = plural(messages, "message");
  return `${which} of QoS 0 from ${timeToSecond(from, now)} to ${timeToSecond(to, now)} not on record, because ${reason}`;
}
