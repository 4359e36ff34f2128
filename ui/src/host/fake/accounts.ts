// Who has a password, and a firewall that is or is not there.

import type { Host } from "../host";
import type { AccountRow } from "../types/AccountRow";
import { fault } from "./fault";
import type { World } from "./world";

type Commands = Pick<
  Host,
  | "accounts"
  | "accountRows"
  | "generatePassword"
  | "addAccount"
  | "setAccountPassword"
  | "setAccountDisabled"
  | "removeAccount"
  | "chooseFile"
  | "importAccounts"
  | "firewall"
>;

const DAY = 86_400_000;

const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";

export function accountCommands(world: World, options: URLSearchParams): Commands {
  const of = (name: string): AccountRow => {
    return { name, disabled: false, changed: world.now(), hash: "argon2id", clients: 0 };
  };
  const rows = options.getAll("account").map(of);
  const many = options.get("security") === "many";
  if (options.has("security")) rows.push(...makeAccounts(world, many, options.has("long")));
  let generated = 0;
  const account = (name: string): AccountRow => {
    const found = rows.find((candidate) => candidate.name === name);
    if (!found) throw fault("The account was not changed", `There is no account ${name}`, "Look at the list again");
    return found;
  };

  return {
    async accountRows({ filter, first, count }) {
      const found = rows.filter(({ name }) => name.toLowerCase().includes(filter.toLowerCase()));
      found.sort((a, b) => (a.name < b.name ? -1 : 1));
      const page = found.slice(first, first + count).map((row) => ({ ...row }));
      return { total: found.length, all: rows.length, first, rows: page };
    },
    async setAccountPassword(name) {
      Object.assign(account(name), { changed: world.now(), hash: "argon2id", clients: 0 });
    },
    async setAccountDisabled(name, disabled) {
      Object.assign(account(name), { disabled, clients: 0 });
    },
    async removeAccount(name) {
      rows.splice(rows.indexOf(account(name)), 1);
    },
    async chooseFile() {
      return options.get("file");
    },
    async importAccounts(file) {
      if (!file.startsWith("/etc/mosquitto/"))
        throw fault("Nobody was imported", `${file} can't be read (no such file)`, "Choose another file");
      if (file.endsWith("wrong"))
        throw fault(
          "Nobody was imported",
          `${file} has wrong lines, and nothing was imported:\n  line 2: there is no colon between user name and hash\n  line 9: the hash is cut off`,
          "Correct these lines, and import it again",
        );
      const names = ["devices", "meter-1", "meter-2", "meter-3"];
      const kept = names.filter((name) => rows.some((row) => row.name === name));
      const added = names.filter((name) => !kept.includes(name));
      rows.push(...added.map((name) => ({ ...of(name), hash: "mosquitto, PBKDF2-SHA512" })));
      return { added: added.length, kept: kept.length, kept_names: kept };
    },
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
      if (errors.name === null && errors.password === null) rows.push(of(name));
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

function makeAccounts(world: World, many: boolean, long: boolean): AccountRow[] {
  const of = (name: string, disabled: boolean, clients: number, days: number, hash = "argon2id"): AccountRow => {
    return { name, disabled, clients, changed: world.started - days * DAY, hash };
  };
  const rows = [
    of("devices", false, 38, 12),
    of("homeassistant", false, 1, 90),
    of("old-gateway", true, 0, 700, "mosquitto, PBKDF2-SHA512"),
    of("plc", false, 6, 41),
    of("tablets", false, 9, 3),
  ];
  if (long) rows.push(of(`a-user-of-the-north-wing-${"with-a-name-without-end-".repeat(8)}`, true, 2, 1));
  if (many)
    for (let n = 1; n <= 5000; n++) rows.push(of(`meter-${String(n).padStart(4, "0")}`, n % 97 === 0, 1, n % 300));
  return rows;
}
