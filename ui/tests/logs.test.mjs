// Logs over the fake host: what Nightjar says about itself.

import assert from "node:assert/strict";
import { until } from "./until.mjs";

async function logs(open, query = "", options) {
  const page = await open(`screen=logs&${query}`, options);
  page.list = page.getByRole("grid", { name: "Records" });
  page.rows = page.list.getByRole("row");
  page.copied = () => page.evaluate(() => window.nightjar.host.copied);
  page.total = () => page.list.getAttribute("aria-rowcount").then(Number);
  return page;
}

export const tests = {
  "a record is read in full, copied as a line, and its client is a way to it": async (open) => {
    const page = await logs(open);
    await page.rows.filter({ hasText: "Keep Alive timeout" }).first().click();
    const inspector = page.getByRole("region", { name: "Record", exact: true });
    await inspector.getByText("lost: Keep Alive timeout (0x8D): nothing was heard for 90 s").waitFor();
    await inspector.getByText("nightjar_broker::shared").waitFor();
    await page.keyboard.press("Control+c");
    await page.getByText("Record copied").waitFor();
    const [line] = await page.copied();
    assert.match(line, /^\d{4}-\d\d-\d\dT.* {2}INFO nightjar_broker::shared: lost: .* client=press-11-plc$/);
    await inspector.getByRole("button", { name: "press-11-plc" }).click();
    await page.getByRole("region", { name: "Client", exact: true }).getByText("press-11-plc").first().waitFor();
  },

  "text and level narrow the list, and what finds nothing says how to go back": async (open) => {
    const page = await logs(open);
    const filter = page.getByRole("textbox", { name: "Filter records" });
    await filter.fill("METER-9");
    await until("only that client", async () => {
      const texts = await page.rows.allInnerTexts();
      return texts.length > 5 && texts.every((text) => text.includes("meter-9"));
    });
    await page.getByRole("button", { name: "Errors" }).click();
    await page.getByText("No record matches").waitFor();
    await page.getByRole("button", { name: "Show all records" }).click();
    await until("all are back", async () => (await page.total()) > 400);
    await page.getByRole("button", { name: "Warnings" }).click();
    await until("warnings and errors", async () => {
      const texts = await page.rows.allInnerTexts();
      return texts.length > 5 && texts.every((text) => /Warning|Error/.test(text));
    });
  },

  "the list stands still while a record is selected, and Live goes on": async (open) => {
    const page = await logs(open);
    await page.rows.first().click();
    const first = await page.rows.first().innerText();
    await page.getByText("Holding still while a record is selected").waitFor();
    const news = page.getByRole("button", { name: / new$/ });
    await news.waitFor();
    assert.equal(await page.rows.first().innerText(), first);
    await news.click();
    await until("the newest is on top", async () => (await page.rows.first().innerText()) !== first);
    await page.getByText("No record selected").waitFor();
  },

  "the keys step through the records and let go of them": async (open) => {
    const page = await logs(open);
    await page.rows.nth(2).click();
    const at = () => page.rows.evaluateAll((rows) => rows.findIndex((row) => row.ariaSelected === "true"));
    assert.equal(await at(), 2);
    await page.keyboard.press("j");
    await until("the next one", async () => (await at()) === 3);
    await page.keyboard.press("k");
    await page.keyboard.press("k");
    await until("the one before", async () => (await at()) === 1);
    await page.keyboard.press("ArrowDown");
    await until("arrows, too", async () => (await at()) === 2);
    await page.keyboard.press("Escape");
    await page.getByText("No record selected").waitFor();
  },

  "what is recorded is changed while it runs": async (open) => {
    const page = await logs(open, "wrongfile=1");
    const level = page.getByRole("combobox", { name: "What is recorded from now on" });
    assert.equal(await level.inputValue(), "info");
    await level.selectOption("trace");
    await page.getByText("The level holds, but was not remembered").waitFor();
    await until("it holds", async () => (await level.inputValue()) === "trace");
    await page.rows
      .filter({ hasText: /Trace|Debug/ })
      .first()
      .waitFor();
  },

  "the file is named, its troubles are said, and its folder opens": async (open) => {
    const page = await logs(open, "logfault=1");
    await page.getByText("/home/anna/.local/share/nightjar/nightjar.log").waitFor();
    await page.getByText("The log file can't be written: No space left on device. 31 records not in it.").waitFor();
    await page.getByRole("button", { name: "Copy the path" }).click();
    assert.deepEqual(await page.copied(), ["/home/anna/.local/share/nightjar/nightjar.log"]);
    await page.getByRole("button", { name: "Open folder" }).click();
    await until("it was asked for", () =>
      page.evaluate(() => window.nightjar.host.calls.get("openDataDirectory") === 1),
    );
    const none = await logs(open, "nologfile=1&nochooser=1");
    await none.getByText("No log file is written").waitFor();
    await none.getByRole("button", { name: "Open folder" }).click();
    await none.getByText("The folder was not opened").waitFor();
  },

  "names and texts without end stay in their cells": async (open) => {
    const page = await logs(open, "long=1&logs=many", { size: [900, 560] });
    await page.getByText("older ones are not in memory").waitFor();
    await page.rows.filter({ hasText: "refused" }).first().click();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    assert.equal(wide, false, "nothing is wider than the window");
  },

  "the log is there while the broker is not": async (open) => {
    const page = await open("state=failed");
    await page.getByRole("heading", { name: "The broker cannot listen on port 1883" }).waitFor();
    await page.getByRole("navigation", { name: "Screens" }).getByRole("button", { name: "Logs" }).click();
    await page.getByRole("grid", { name: "Records" }).getByRole("row").first().waitFor();
  },
};
