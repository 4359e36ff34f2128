// svelte-check, and proof that it looked: it has been seen to report nothing at all. So it first gets a component with an
// error in its script and one in its markup, and must find both; then it must say how many files it has read.

import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";

const PLANTED = 2;
// Components and modules beyond the libraries that the canary reads too.
const AT_LEAST = 50;

function check(...options) {
  const arguments_ = ["--fail-on-warnings", "--output", "machine", ...options];
  const { stdout, status } = spawnSync("node_modules/.bin/svelte-check", arguments_, { encoding: "utf8" });
  const total = /COMPLETED (\d+) FILES (\d+) ERRORS/.exec(stdout ?? "");
  return { stdout, status, files: Number(total?.[1] ?? 0), errors: Number(total?.[2] ?? 0) };
}

const canary = check("--tsconfig", "tests/canary/tsconfig.json");
if (canary.errors !== PLANTED) {
  console.error(
    `svelte-check found ${canary.errors} of the ${PLANTED} errors in tests/canary: its silence means nothing.`,
  );
  console.error(canary.stdout);
  process.exit(1);
}

const result = check("--tsconfig", "tsconfig.json");
const findings = result.stdout.split("\n").filter((line) => / (ERROR|WARNING) "/.test(line));
for (const line of findings) console.error(line.replace(/^\d+ /, ""));
if (result.files < canary.files + AT_LEAST) {
  console.error(`svelte-check read ${result.files} files only.`);
  process.exit(1);
}

// Two rules that no type says: names and payloads of devices never become markup, and one file talks to Tauri.
const rules = [
  { has: /\{@html|innerHTML|insertAdjacentHTML/, except: /\.test\.ts$/, what: "makes markup of a text" },
  {
    has: /from "@tauri-apps|import\("@tauri-apps/,
    except: /^host\/tauri\.ts$/,
    what: "talks to Tauri past host/tauri.ts",
  },
];
let broken = 0;
for (const name of readdirSync("src", { recursive: true }).filter((name) => /\.(svelte|ts)$/.test(name))) {
  const text = readFileSync(`src/${name}`, "utf8");
  for (const rule of rules.filter(({ has, except }) => has.test(text) && !except.test(name))) {
    console.error(`src/${name} ${rule.what}`);
    broken += 1;
  }
}

console.log(`svelte-check: ${result.files} files, ${findings.length} findings`);
process.exit(broken > 0 ? 1 : (result.status ?? 1));
