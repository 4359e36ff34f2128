// The built UI over the fake host, in Debian's Chromium: a small file server and pages that keep what they complain about.

import { createServer } from "node:http";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const CACHED = fileURLToPath(new URL("../node_modules/.cache/fake", import.meta.url));
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".woff2": "font/woff2",
  ".svg": "image/svg+xml",
};

async function serve(dist) {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, "http://localhost").pathname);
    try {
      const body = await readFile(join(dist, path === "/" ? "index.html" : path));
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "text/html" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}/` };
}

/** `dist`: a build of mode "fake". */
export async function openBrowser(dist = process.env.UI_DIST ?? CACHED) {
  if (!existsSync(join(dist, "index.html"))) throw new Error(`${dist} is not built: npm run build:fake`);
  const { server, url } = await serve(dist);
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-quic",
    ],
  });

  /** A page of its own context; `page.complaints` are its console errors, warnings and exceptions. */
  async function open(
    query = "",
    { size = [1280, 800], before, scheme = "light", reducedMotion = "no-preference" } = {},
  ) {
    const context = await browser.newContext({
      viewport: { width: size[0], height: size[1] },
      colorScheme: scheme,
      reducedMotion,
      timezoneId: "UTC",
      locale: "en-US",
    });
    const page = await context.newPage();
    // Long: the machine may have other things to do. It costs only what fails.
    page.setDefaultTimeout(25_000);
    page.complaints = [];
    page.on("pageerror", (error) => page.complaints.push(String(error)));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) page.complaints.push(message.text());
    });
    if (before) await page.addInitScript(before);
    await page.goto(`${url}?fake=1&${query}`);
    await page.waitForSelector("main");
    await page.evaluate(() => document.fonts.ready);
    page.finish = () => context.close();
    return page;
  }

  async function close() {
    await browser.close();
    server.close();
  }
  return { open, close };
}
