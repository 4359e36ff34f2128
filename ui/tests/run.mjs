// Builds the UI over its fake host and tests it in Chromium: node tests/run.mjs [words that the name must contain].
//
// Each file `*.test.mjs` exports `tests`, an object of functions by name that get `open` (browser.mjs). A test fails if it throws,
// or if a page of it complained on its console. VERBOSE=1 names each test with its time; UI_DIST=… takes a build that is there.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { openBrowser } from "./browser.mjs";

/** Tests wait more than they work, so a few go side by side. */
const AT_ONCE = 2;
/** A page that hangs would otherwise hang the run. */
const DEADLINE = 180_000;

const here = new URL(".", import.meta.url);
const wanted = process.argv.slice(2);

/** A directory of its own, so that two runs do not take each other's files away. */
async function built() {
  if (process.env.UI_DIST) return { dist: process.env.UI_DIST, remove: () => {} };
  const dist = mkdtempSync(join(tmpdir(), "nightjar-ui-"));
  const root = fileURLToPath(new URL("..", here));
  await build({ root, mode: "fake", logLevel: "error", build: { outDir: dist, emptyOutDir: true } });
  return { dist, remove: () => rmSync(dist, { recursive: true, force: true }) };
}

async function collect() {
  const found = [];
  const files = readdirSync(here).filter((name) => name.endsWith(".test.mjs"));
  for (const file of files.sort()) {
    const { tests } = await import(new URL(file, here));
    for (const [name, run] of Object.entries(tests)) {
      const title = `${file.replace(".test.mjs", "")}: ${name}`;
      if (wanted.every((word) => title.includes(word))) found.push({ title, run });
    }
  }
  return found;
}

const after = (ms, what) =>
  new Promise((resolve, reject) => setTimeout(() => (what ? reject(what) : resolve()), ms).unref());

async function runOne(browser, { title, run }) {
  const began = Date.now();
  const pages = [];
  const open = async (...args) => {
    const page = await browser.open(...args);
    pages.push(page);
    return page;
  };
  let failure;
  try {
    await Promise.race([run(open), after(DEADLINE, new Error(`no end after ${DEADLINE / 1000} s`))]);
    const complaints = pages.flatMap((page) => page.complaints);
    if (complaints.length > 0) throw new Error(`the console has: ${complaints.join("\n")}`);
  } catch (error) {
    failure = error;
  }
  await Promise.race([Promise.allSettled(pages.map((page) => page.finish())), after(5000)]);
  if (process.env.VERBOSE) console.log(`${failure ? "FAILED" : "passed"} ${title} (${Date.now() - began} ms)`);
  if (failure) console.log(`FAILED ${title}\n${failure instanceof Error ? failure.stack : failure}\n`);
  return failure === undefined;
}

const { dist, remove } = await built();
const browser = await openBrowser(dist);
let passed = 0;
let failed = 0;
try {
  const waiting = await collect();
  const worker = async () => {
    for (let test = waiting.shift(); test; test = waiting.shift()) {
      if (await runOne(browser, test)) passed += 1;
      else failed += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
} finally {
  await Promise.race([browser.close(), after(5000)]);
  remove();
}
console.log(`${passed} passed, ${failed} failed`);
// No test at all is a failure too.
process.exit(failed > 0 || passed === 0 ? 1 : 0);
