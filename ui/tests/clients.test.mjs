// The screen Clients over the fake host.

import assert from "node:assert/strict";
import { until } from "./until.mjs";

async function clients(open, query = "", options = {}) {
  const page = await open(`screen=clients&${query}`, options);
  page.grid = page.getByRole("grid", { name: "Clients" });
  page.client = (name) => page.grid.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });
  page.names = () => page.grid.locator("[role=row] bdi").allInnerTexts();
  page.head = (name) => page.getByRole("columnheader", { name });
  page.inspector = page.getByRole("region", { name: "Client", exact: true });
  page.calls = (command) => page.evaluate((name) => window.nightjar.host.calls.get(name) ?? 0, command);
  await page.getByRole("main").waitFor();
  return page;
}

export const tests = {
  "a head sorts, and a second press turns the order round": async (open) => {
    const page = await clients(open);
    await page.client("energy-gateway").waitFor();
    assert.equal(await page.head("Client").getAttribute("aria-sort"), "ascending");
    const byName = await page.names();
    await page.getByRole("button", { name: "Client", exact: true }).click();
    await until("the names are the other way round", async () => (await page.names())[0] !== byName[0]);
    assert.equal(await page.head("Client").getAttribute("aria-sort"), "descending");
    await page.getByRole("button", { name: "In/s" }).click();
    await until("the busiest is first", async () => (await page.names())[0] === "press-04-plc");
    assert.equal(await page.head("In/s").getAttribute("aria-sort"), "descending");
    assert.equal(await page.head("Client").getAttribute("aria-sort"), null);
  },

  "the search and “Connected” narrow the list; away sessions say that they are": async (open) => {
    const page = await clients(open);
    await page.client("hall-tablet").getByText("away", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Connected", exact: true }).click();
    await page.client("hall-tablet").waitFor({ state: "detached" });
    assert.equal(await page.grid.getAttribute("aria-rowcount"), "128");
    await page.keyboard.press("/");
    await page.keyboard.type("line-2-");
    await until("only line-2 is left", async () => {
      const names = await page.names();
      return names.length > 0 && names.every((name) => name.includes("line-2-"));
    });
    await page.getByRole("textbox", { name: "Filter clients" }).fill("nobody is called so");
    await page.getByText("No client matches").waitFor();
    await page.getByRole("button", { name: "Show all clients" }).click();
    await page.client("hall-tablet").waitFor();
  },

  "rows hold still while one is selected, and a pill leads to the order of the moment": async (open) => {
    const page = await clients(open);
    await page.getByRole("button", { name: "Sort", exact: true }).click();
    await page.getByRole("menuitemradio", { name: "Connected first" }).click();
    await page.client("homeassistant").click();
    const before = await page.names();
    await page.evaluate(() => window.nightjar.host.disconnectClient("energy-gateway"));
    const pill = page.getByText("The order has changed");
    await pill.waitFor();
    assert.deepEqual(await page.names(), before);
    // It is at the end of the list by now, so what its row says is old, and looks so.
    assert.match(await page.client("energy-gateway").getAttribute("class"), /\bstale\b/);
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await pill.waitFor({ state: "detached" });
    assert.notEqual((await page.names())[0], "energy-gateway");
  },

  "thousands of subscriptions are searched, and only those in sight exist": async (open) => {
    const page = await clients(open);
    await page.evaluate(() => window.nightjar.openClient("telegraf"));
    const list = page.getByRole("grid", { name: "Subscriptions of telegraf" });
    await list.getByText("factory/energy/#").waitFor();
    assert.equal(await list.getAttribute("aria-rowcount"), "2400");
    assert.ok((await list.getByRole("row").count()) < 60);
    await page.getByRole("textbox", { name: "Find a subscription" }).fill("input-2397/");
    await until("one is left", async () => (await list.getAttribute("aria-rowcount")) === "1");
    await list.getByText("telegraf/input-2397/+/value").waitFor();
    // The row that was asked for is in sight in the table, too.
    assert.equal(await page.client("telegraf").getAttribute("aria-selected"), "true");
  },

  "session and timeline of a client": async (open) => {
    const page = await clients(open);
    await page.evaluate(() => window.nightjar.openClient("press-11-plc"));
    await page.inspector.getByRole("tab", { name: "Session" }).click();
    const session = page.inspector.getByRole("tabpanel");
    await session.getByText("factory/status/press-11-plc").waitFor();
    assert.match(await session.innerText(), /1 d after the connection/);
    await page.inspector.getByRole("tab", { name: "Timeline" }).click();
    await page.inspector.getByText("press-11-plc lost").first().waitFor();
    await page.inspector.getByRole("tab", { name: "Session" }).click();
    await session.getByRole("button", { name: "factory/status/press-11-plc" }).click();
    await until("the will's topic is open", () => page.evaluate(() => window.nightjar.screen === "topics"));
    await page.evaluate(() => window.nightjar.openClient("hall-tablet"));
    await session.getByText("Keep Alive timeout (0x8D)").waitFor();
  },

  "what waits for a client is looked at, and purged after a question": async (open) => {
    const page = await clients(open);
    await page.evaluate(() => window.nightjar.openClient("node-red"));
    await page.inspector.getByRole("tab", { name: /^Queue/ }).click();
    const list = page.getByRole("grid", { name: "Queue of node-red" });
    await list.getByRole("row").first().waitFor();
    const total = Number(await list.getAttribute("aria-rowcount"));
    assert.ok(total > 1000);
    assert.ok((await list.getByRole("row").count()) < 60);
    assert.match(await page.inspector.innerText(), /oldest/);

    await list.getByRole("row").nth(1).click();
    const message = page.getByRole("region", { name: "Waiting message" });
    await message.getByText("Published by").waitFor();
    const first = await message.getByRole("heading").locator("..").innerText();
    await page.keyboard.press("j");
    await until(
      "the next is shown",
      async () => (await message.getByRole("heading").locator("..").innerText()) !== first,
    );
    await page.keyboard.press("Escape");
    await message.waitFor({ state: "detached" });

    await list
      .getByRole("row")
      .nth(0)
      .click({ modifiers: ["Control"] });
    await list
      .getByRole("row")
      .nth(2)
      .click({ modifiers: ["Shift"] });
    await page.inspector.getByRole("button", { name: "Purge 3" }).click();
    const dialog = page.getByRole("dialog", { name: "Purge 3 messages that wait for node-red?" });
    await dialog.getByRole("button", { name: "Cancel" }).click();
    assert.equal(await page.calls("purgeQueue"), 0);
    await page.inspector.getByRole("button", { name: "Purge 3" }).click();
    await dialog.getByRole("button", { name: "Purge 3" }).click();
    await page.getByRole("status").getByText("3 messages purged for node-red").waitFor();
    await until("they are gone", async () => Number(await list.getAttribute("aria-rowcount")) === total - 3);

    await page.inspector.getByRole("button", { name: "Purge all" }).click();
    await page
      .getByRole("dialog")
      .getByRole("button", { name: /^Purge/ })
      .click();
    await page.inspector.getByText("The queue is empty").waitFor();
  },

  "disconnecting asks with the client's name; the failure stands in its pane": async (open) => {
    const page = await clients(open);
    await page.client("homeassistant").click();
    const button = page.inspector.getByRole("button", { name: "Disconnect…" });
    await button.click();
    const dialog = page.getByRole("dialog", { name: "Disconnect homeassistant?" });
    await dialog.getByText("Its session ends with the connection, and its 3 subscriptions with it.").waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.equal(await page.calls("disconnectClient"), 0);

    await page.evaluate(() => window.nightjar.host.failing.add("disconnectClient"));
    await button.click();
    await dialog.getByRole("button", { name: "Disconnect" }).click();
    await page.inspector.getByRole("alert").getByText("That did not work").waitFor();
    await page.evaluate(() => window.nightjar.host.failing.clear());
    await button.click();
    await dialog.getByRole("button", { name: "Disconnect" }).click();
    await page.getByRole("status").getByText("homeassistant disconnected").waitFor();
    await page.inspector.getByText(/^Away for/).waitFor();
    assert.equal(await button.count(), 0);
    assert.equal(await page.inspector.getByRole("alert").count(), 0);
  },

  "arrows walk the rows, Ctrl C copies the name, Escape lets go": async (open) => {
    const page = await clients(open);
    await page.client("energy-gateway").click();
    await page.keyboard.press("ArrowDown");
    await until(
      "the next one is selected",
      async () => (await page.client("grafana-bridge").getAttribute("aria-selected")) === "true",
    );
    await page.keyboard.press("Control+c");
    await until("it is copied", () => page.evaluate(() => window.nightjar.host.copied.at(-1) === "grafana-bridge"));
    await page.keyboard.press("Escape");
    await page.getByText("No client selected").waitFor();
  },

  "names of 200 characters break nothing": async (open) => {
    const page = await clients(open, "long=1", { size: [900, 600] });
    await page.getByRole("button", { name: "In/s" }).click();
    const row = page.grid.getByRole("row").first();
    await until("the long one is first", async () => /^client-x/.test((await page.names())[0]));
    await row.click();
    await page.inspector.getByRole("heading").waitFor();
    await page.inspector.getByRole("button", { name: "Disconnect…" }).click();
    await page.getByRole("dialog").waitFor();
    const wide = await page.evaluate(() =>
      [...document.querySelectorAll("main, .pane, [role=row], dialog")]
        .filter((element) => element.scrollWidth > element.clientWidth + 1)
        .map((element) => element.className || element.tagName),
    );
    assert.deepEqual(wide, []);
  },

  "a client is banned by its name or address, which turns it out": async (open) => {
    const page = await clients(open, "");
    await page.getByRole("textbox", { name: "Filter clients" }).fill("homeassistant");
    await until("it is found", async () => (await page.grid.getByRole("row").count()) === 1);
    await page.grid.getByRole("row").first().click();
    await page.inspector.getByText(/^Connected for/).waitFor();
    await page.inspector.getByRole("button", { name: "Ban…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Address" }).click();
    const address = await dialog.getByRole("textbox", { name: "Address or network" }).inputValue();
    assert.match(address, /^192\.168\.\d+\.\d+$/);
    await dialog.getByRole("button", { name: "Client" }).click();
    await dialog.getByText("homeassistant would be disconnected, and kept out.").waitFor();
    await dialog.getByRole("button", { name: "Ban", exact: true }).click();
    await page.getByText("homeassistant is banned").waitFor();
    await page.inspector.getByText(/^Away for/).waitFor();
  },

  "without clients it says how to get one": async (open) => {
    const page = await clients(open, "empty=1");
    await page.getByText("No clients yet").waitFor();
    await page.getByRole("button", { name: "How to connect" }).click();
    await until("Overview is open", () => page.evaluate(() => window.nightjar.screen === "overview"));
  },

  "a failure of the list is shown in its place, until the list comes after all": async (open) => {
    const page = await open("screen=topics");
    await page.evaluate(() => {
      window.nightjar.host.failing.add("clientRows");
      window.nightjar.go("clients");
    });
    await page.getByText("That did not work").waitFor();
    await page.getByRole("button", { name: "Try again" }).click();
    // The feed goes on asking by itself.
    await page.evaluate(() => window.nightjar.host.failing.clear());
    await page.getByRole("grid", { name: "Clients" }).waitFor();
    assert.equal(await page.getByText("That did not work").count(), 0);
  },
};
