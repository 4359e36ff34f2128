// What surrounds the screens: keys, palette, theme, pause, the broker's own states.

import assert from "node:assert/strict";
import { until } from "./until.mjs";

const theme = (page) => page.evaluate(() => document.documentElement.dataset.theme);
const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const current = (page) => page.locator("nav [aria-current=page]").innerText();
const LIGHT = "rgb(242, 243, 240)";
const DARK = "rgb(15, 20, 23)";

/** Goes through the rail; `runOne` sees to it that no page complains. */
async function everyScreen(open, query) {
  const page = await open(query);
  const count = await page.locator("nav button").count();
  assert.ok(count >= 2, `${count} screens`);
  for (let i = 0; i < count; i++) {
    await page.keyboard.press(`Control+${i + 1}`);
    const name = (await current(page)).split("\n")[0];
    await until(`${name} shows something`, async () => {
      const text = await page.locator("main").innerText();
      return text.trim().length > 20;
    });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.equal(overflow, 0, `${name} is wider than the window`);
  }
  assert.equal(await background(page), query.includes("dark") ? DARK : LIGHT);
  assert.equal(await page.locator("main img").count(), 0, "a name became markup");
}

export const tests = {
  ...Object.fromEntries(
    ["theme=light", "theme=dark", "theme=light&empty=1", "theme=dark&long=1"].map((query) => [
      `every screen of the rail renders: ${query}`,
      (open) => everyScreen(open, query),
    ]),
  ),

  async "the window renders at 1000×640 and 1920×1200 without growing over its edges"(open) {
    for (const size of [
      [1000, 640],
      [1920, 1200],
    ]) {
      const page = await open("theme=light", { size });
      await page.getByText("Busiest topics").waitFor();
      for (const part of ["nav", "header", "main", "footer"]) {
        const box = await page.locator(part).first().boundingBox();
        assert.ok(
          box.x >= 0 && box.y >= 0 && box.x + box.width <= size[0] && box.y + box.height <= size[1],
          `${part} at ${size}`,
        );
      }
    }
  },

  async "a language that is none does not leave a blank page"(open) {
    for (const language of ["C", "POSIX"]) {
      const page = await open("theme=light", {
        before: `Object.defineProperty(Navigator.prototype, "language", { get: () => "${language}", configurable: true });
                 Object.defineProperty(Navigator.prototype, "languages", { get: () => ["${language}"], configurable: true });`,
      });
      await page.getByText("Messages per second", { exact: true }).waitFor();
      await page.locator("canvas").first().waitFor();
    }
  },

  async "the theme follows the system, and what is set wins"(open) {
    const page = await open("", { scheme: "dark" });
    assert.equal(await theme(page), "dark");
    await page.emulateMedia({ colorScheme: "light" });
    await until("the window follows the system", async () => {
      const color = await background(page);
      return color === LIGHT;
    });
    await page.getByLabel("Appearance and keys").click();
    await page.getByRole("menuitemradio", { name: "Dark" }).click();
    assert.equal(await background(page), DARK);
    await page.emulateMedia({ colorScheme: "light" });
    assert.equal(await theme(page), "dark");
    const kept = await page.evaluate(() => window.nightjar.host.preferences());
    assert.equal(kept.theme, "dark");
  },

  async "the density changes the rows"(open) {
    const page = await open("density=compact");
    const row = () => page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--row").trim());
    assert.equal(await row(), "24px");
    await page.getByLabel("Appearance and keys").click();
    await page.getByRole("menuitemradio", { name: "Comfortable" }).click();
    assert.equal(await row(), "34px");
  },

  async "the palette finds topics, clients and commands, and goes there"(open) {
    const page = await open("theme=dark");
    await page.keyboard.press("Control+k");
    const palette = page.getByRole("dialog", { name: "Find a topic" });
    await palette.getByRole("option", { name: "Go to Overview" }).waitFor();
    await page.keyboard.type("press-04");
    await palette.getByRole("option", { name: "factory/line-2/press-04 270 /s" }).waitFor();
    await palette.getByRole("option", { name: "press-04-plc connected" }).waitFor();
    assert.equal(await palette.locator("[aria-selected=true] b").first().innerText(), "press-04");
    await page.keyboard.press("ArrowDown");
    const selected = await palette.locator("[aria-selected=true]").innerText();
    assert.match(selected, /press-04\/vibration/);
    await page.keyboard.press("Enter");
    await palette.waitFor({ state: "detached" });
    assert.match(await current(page), /Topics/);
  },

  async "the palette closes on Escape and gives the focus back"(open) {
    const page = await open();
    await page.getByRole("button", { name: "Find a topic" }).click();
    await page.getByRole("combobox").fill("zzzz-nothing");
    await page.getByText("Nothing has “zzzz-nothing” in its name").waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await page.getByRole("dialog").count(), 0);
    assert.match(await page.evaluate(() => document.activeElement.textContent), /Find a topic/);
  },

  async "Space pauses the view and not the broker"(open) {
    const page = await open();
    const numbers = () => page.locator("footer").innerText();
    const first = await numbers();
    await until("the numbers move", async () => {
      const text = await numbers();
      return text !== first;
    });
    await page.locator("main").click({ position: { x: 5, y: 5 } });
    await page.keyboard.press("Space");
    await page.getByText("View paused", { exact: true }).waitFor();
    // An answer that was on its way may still come.
    await page.waitForTimeout(300);
    const paused = await numbers();
    const asked = await page.evaluate(() => window.nightjar.host.calls.get("vitals"));
    await page.waitForTimeout(1500);
    assert.equal(await numbers(), paused, "the view stands still");
    assert.equal(await page.evaluate(() => window.nightjar.host.calls.get("vitals")), asked, "nothing was asked");
    await page.getByRole("button", { name: "Resume view" }).click();
    await until("the numbers move again", async () => {
      const text = await numbers();
      return text !== paused;
    });
  },

  async "Space on a button presses it instead"(open) {
    const page = await open();
    await page.getByRole("button", { name: "1 min" }).focus();
    await page.keyboard.press("Space");
    assert.equal(await page.getByRole("button", { name: "1 min" }).getAttribute("aria-pressed"), "true");
    assert.equal(await page.evaluate(() => window.nightjar.paused), false);
  },

  async "at most one request is on the way, and none while the window is hidden"(open) {
    const page = await open("delay=700");
    await page.waitForTimeout(2500);
    const calls = await page.evaluate(() => window.nightjar.host.calls.get("vitals"));
    assert.ok(calls <= 5, `${calls} requests in about 3 s, though each takes 0.7 s`);
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await page.waitForTimeout(1200);
    const before = await page.evaluate(() => window.nightjar.host.calls.get("vitals"));
    await page.waitForTimeout(1500);
    assert.equal(await page.evaluate(() => window.nightjar.host.calls.get("vitals")), before);
  },

  async "a host that stops answering dims what is shown, and says so"(open) {
    const page = await open();
    await page.getByText("Busiest topics").waitFor();
    await page.evaluate(() => (window.nightjar.host.stalled = true));
    await page.getByText("No answer for more than 2 s").waitFor();
    assert.ok((await page.locator(".stale").count()) >= 2);
  },

  async "a broker that cannot start says why and what to do, and Retry starts it"(open) {
    const page = await open("state=failed");
    await page.getByRole("heading", { name: "The broker cannot listen on port 1883" }).waitFor();
    await page.getByText("Another program uses it").waitFor();
    await page.getByText("Not running", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Retry" }).click();
    await page.getByText("Busiest topics").waitFor();
  },

  async "a broker that is still starting says so"(open) {
    const page = await open("state=starting");
    await page.getByText("The broker is starting…").waitFor();
  },

  async "“?” lists the keys; Escape closes the list"(open) {
    const page = await open();
    await page.keyboard.press("?");
    const keys = page.getByRole("dialog", { name: "Keys" });
    await keys.getByText("Ctrl Enter").waitFor();
    await page.keyboard.press("Escape");
    await keys.waitFor({ state: "detached" });
  },

  async "keys that are typed into a field stay text"(open) {
    const page = await open("screen=topics");
    await page.keyboard.press("/");
    await page.keyboard.type("a b?");
    assert.equal(await page.evaluate(() => document.activeElement.value), "a b?");
    assert.equal(await page.evaluate(() => window.nightjar.paused), false);
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("[data-filter]").first().inputValue(), "");
  },

  async "the address is copied with a click, and a toast confirms it for five seconds"(open) {
    const page = await open();
    await page.getByTitle("Copy the address mqtt://192.168.1.20:1883").click();
    await page.getByText("Address copied").waitFor();
    assert.deepEqual(await page.evaluate(() => window.nightjar.host.copied), ["mqtt://192.168.1.20:1883"]);
    await page.getByText("Address copied").waitFor({ state: "detached" });
  },

  async "a halted record is said in the status bar"(open) {
    const page = await open("journal=paused");
    await page.locator("footer").getByText("Not recording: The disk is full", { exact: true }).waitFor();
  },

  async "nothing moves where motion is unwanted"(open) {
    const page = await open("empty=1", { reducedMotion: "reduce" });
    await page.getByText("Waiting for the first connection").waitFor();
    const running = await page.evaluate(() => document.getAnimations().length);
    assert.equal(running, 0);
  },
};
