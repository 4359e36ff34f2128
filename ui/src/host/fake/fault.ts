import type { Fault } from "../types/Fault";

export function fault(what: string, why: string, action: string): Fault {
  return { what, why, action };
}
