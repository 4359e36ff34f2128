// A command that fails rejects with a `Fault`; anything else that is thrown is a bug, and is put into the same words.

import type { Fault } from "./types/Fault";

export function asFault(error: unknown): Fault {
  if (typeof error === "object" && error !== null && "what" in error && "why" in error) return error as Fault;
  return {
    what: "The window could not reach the broker",
    why: error instanceof Error ? error.message : String(error),
    action: "Close Nightjar and start it again",
  };
}
