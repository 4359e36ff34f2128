// Pictures to look at: node tests/shot.mjs DIRECTORY 'name=query' … [--size=1280x800]

import { mkdirSync } from "node:fs";
import { openBrowser } from "./browser.mjs";

const [directory, ...rest] = process.argv.slice(2);
const size = (rest.find((word) => word.startsWith("--size="))?.slice(7) ?? "1280x800").split("x").map(Number);
mkdirSync(directory, { recursive: true });
const { open, close } = await openBrowser();
try {
  for (const word of rest.filter((word) => !word.startsWith("--"))) {
    const at = word.indexOf("=");
    const [name, query] = at < 0 ? [word, ""] : [word.slice(0, at), word.slice(at + 1)];
    const page = await open(query, { size });
    await page.waitForTimeout(1200);
    await page.screenshot({ path: `${directory}/${name}.png` });
    for (const complaint of page.complaints) console.error(`${name}: ${complaint}`);
    await page.finish();
  }
} finally {
  await close();
}
