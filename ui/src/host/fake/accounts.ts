// Who has a password, and a firewall that is or is not there.

import type { Host } from "../host";
import type { AccountRow } from "../types/AccountRow";

type Commands = Pick<Host, "accounts" | "generatePassword" | "addAccount" | "firewall">;

const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";

export function accountCommands(options: URLSearchParams): Commands {
  const rows: AccountRow[] = options.getAll("account").map((name) => ({ name, disabled: false }));
  let generated = 0;
  return {
    async accounts() {
      return [...rows];
    },
    async generatePassword() {
      generated += 1;
      // The same in every run.
      return Array.from({ length: 20 }, (_, i) => LETTERS[(i * 7 + generated * 11) % LETTERS.length]).join("");
    },
    async addAccount(name, password) {
      const taken = rows.some((row) => row.name === name);
      const errors = {
        name:
          name === "" || name.includes(":")
            ? "A user name has 1 to 256 bytes, no control characters, and no colon"
            : taken
              ? "There is an account of this name already: choose another"
              : null,
        password: password === "" ? "The password is empty" : null,
      };
      if (errors.name === null && errors.password === null) rows.push({ name, disabled: false });
      return errors;
    },
    async firewall() {
      if (options.get("firewall") === null) return null;
      return {
        known: "The firewall ufw is switched on; only an administrator can see whether it lets devices through.",
        cure: "This does:",
        commands: ["sudo ufw allow 1883/tcp"],
      };
    },
  };
}
