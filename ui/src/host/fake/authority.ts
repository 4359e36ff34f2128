// The certificate that devices are told to trust: made up, and as long as a real one.

import type { Host } from "../host";
import { fault } from "./fault";

type Commands = Pick<Host, "authority" | "saveAuthority">;

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

export function authorityCommands(options: URLSearchParams): Commands {
  const line = (n: number) => Array.from({ length: 64 }, (_, i) => LETTERS[(i * 29 + n * 13) % 64]).join("");
  const body = Array.from({ length: 9 }, (_, n) => line(n)).join("\n");
  const pem = `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
  const fingerprint = Array.from({ length: 32 }, (_, i) => ((i * 37 + 11) % 256).toString(16).padStart(2, "0"));
  return {
    async authority() {
      return {
        name: "Nightjar on desk",
        fingerprint: fingerprint.join(":").toUpperCase(),
        ends: Date.UTC(2046, 10, 18),
        pem,
      };
    },
    async saveAuthority() {
      if (options.get("dialog") === "none") {
        throw fault(
          "The certificate was not saved",
          "The desktop's own dialog can't be opened",
          "Copy its text instead",
        );
      }
      return options.get("dialog") === "cancel" ? null : "/home/anna/Downloads/nightjar-ca.pem";
    },
  };
}
