import type { Host } from "./host";
export function fakeHost(_: URLSearchParams): Host {
  throw new Error("not yet");
}
