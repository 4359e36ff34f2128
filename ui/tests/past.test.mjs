// Retained, in the past: moments, a topic's history, what was cleared and comes back.

import assert from "node:assert/strict";
import { until } from "./until.mjs";

async function retained(open, query = "", options = {}) {
  const page = await open(`screen=retained&${query}`, options);
  page.grid = page.getByRole("grid");
  page.row = (topic) => page.grid.getByRole("row").filter({ has: page.getByTitle(topic, { exact: true }) });
  page.view = (name) => page.getByRole("group", { name: "What to show" }).getByRole("button", { name, exact: true });
  page.host = (command, ...args) =>
    page.evaluate(([command, args]) => window.nightjar.host[command](...args), [command, args]);
  page.set = (topic, text) =>
    page.host("setRetained", {
      topic,
      payload: Buffer.from(text).toString("base64"),
      qos: 1,
      properties: {
        payload_is_text: null,
        message_expiry_interval: null,
        content_type: null,
        response_topic: null,
        correlation_data: null,
        user_properties: [],
      },
    });
  page.clear = (...topics) => page.host("clearRetained", { which: "topics", value: topics });
  page.value = async (topic) => (await page.host("retainedMessage", topic)).payload.text;
  return page;
}

export const tests = {
  "the past is shown beside now, says that it is the past, and is left again": async (open) => {
    const page = await retained(open);
    await page.set("test/changed", "new value");
    await page.view("Past").click();
    const notice = page.getByRole("alert").filter({ hasText: "This is the past." });
    await notice.waitFor();
    const grid = page.getByRole("grid", { name: "Retained messages of the past" });
    await grid.getByRole("row").nth(3).waitFor();
    await page.getByRole("button", { name: "Only what differs now" }).click();
    await until("what is new is listed", async () => (await grid.innerText()).includes("new value"));
    assert.match(await page.locator(".sum").innerText(), /1 new/);
    const row = grid.getByRole("row").filter({ hasText: "new value" });
    assert.match(await row.innerText(), /nothing/);
    await row.click();
    await page.getByText("Nothing was retained then").waitFor();
    await notice.getByRole("button", { name: "Back to now" }).click();
    await page.getByRole("grid", { name: "Retained messages", exact: true }).waitFor();
    assert.equal(await notice.count(), 0);
  },

  "a moment is typed, stepped to, and what is none is said": async (open) => {
    const page = await retained(open);
    await page.view("Past").click();
    const field = page.getByRole("textbox", { name: "Moment" });
    const grid = page.getByRole("grid", { name: "Retained messages of the past" });
    await grid.getByRole("row").nth(3).waitFor();
    await field.fill("not a moment");
    await page.getByText(/^Write it like/).waitFor();
    await field.fill("4000 d ago");
    await page.getByText("Nothing was retained then").waitFor();
    assert.equal(await page.getByText(/^Write it like/).count(), 0);
    await page.getByRole("button", { name: "Change after" }).click();
    await until(
      "one topic was retained after the first change",
      async () => (await page.getByText("1 topic then").count()) === 1,
    );
    await page.getByRole("button", { name: "Change before" }).click();
    await page.getByRole("status").getByText("There is no earlier change on record").waitFor();
    // The timeline goes to a moment, too.
    const before = await field.inputValue();
    const timeline = page.locator(".timeline");
    const box = await timeline.boundingBox();
    await page.mouse.click(box.x + box.width * 0.7, box.y + box.height / 2);
    await until("the field shows the moment", async () => (await field.inputValue()) !== before);
  },

  "a value of a topic's history is set again, and asks before it replaces a newer one": async (open) => {
    const page = await retained(open);
    await page.set("test/mode", "auto");
    await page.set("test/mode", "manual");
    await page.getByRole("textbox", { name: "Filter retained messages" }).fill("test/mode");
    await page.grid.getByText("manual").click();
    await page.getByRole("tab", { name: "History" }).click();
    const changes = page.getByRole("grid", { name: "What test/mode retained" });
    await until("both values are listed", async () => (await changes.getByRole("row").count()) === 2);
    assert.match(await changes.innerText(), /manual[^]*stands[^]*auto[^]*then replaced/);
    const again = changes.getByRole("button", { name: "Set this value again" });
    assert.equal(await again.count(), 1, "what stands need not be set again");
    await again.click();
    const dialog = page.getByRole("dialog", { name: "Replace the value of test/mode?" });
    await dialog.getByText(/It retains manual/).waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    assert.equal(await page.value("test/mode"), "manual");
    await again.click();
    await dialog.getByRole("button", { name: "Replace it" }).click();
    await page.getByRole("status").getByText("test/mode set again").waitFor();
    assert.equal(await page.value("test/mode"), "auto");
    await until("it is listed, too", async () => (await changes.getByRole("row").count()) === 3);

    // From a value to its moment.
    await changes.getByRole("row").nth(1).getByRole("button", { name: "Go to this moment" }).click();
    await page.getByRole("alert").filter({ hasText: "This is the past." }).waitFor();
    await page.getByRole("region", { name: "Retained then" }).getByText("manual").first().waitFor();
  },

  "what was cleared is found, and comes back": async (open) => {
    const page = await retained(open);
    await page.set("test/a", "1");
    await page.set("test/b", "2");
    await page.clear("test/a", "test/b");
    await page.view("Cleared").click();
    const grid = page.getByRole("grid", { name: "Cleared retained messages" });
    await grid.getByText("test/").first().waitFor();
    await grid.getByRole("button", { name: "Bring test/a back" }).click();
    await page.getByRole("status").getByText("test/a set again").waitFor();
    assert.equal(await page.value("test/a"), "1");
    await page.getByRole("textbox", { name: "Filter what was cleared" }).fill("test/#");
    await until("only the other is left", async () => (await grid.getAttribute("aria-rowcount")) === "1");
    await page.getByRole("button", { name: "Bring back 1" }).click();
    const dialog = page.getByRole("dialog", { name: "Bring back 1 retained message that match test/#?" });
    await dialog.getByRole("button", { name: "Bring back 1" }).click();
    await page.getByRole("status").getByText("1 retained message brought back").waitFor();
    assert.equal(await page.value("test/b"), "2");
    await page.getByText("No topic matches").waitFor();
  },

  "clearing can be taken back": async (open) => {
    const page = await retained(open);
    await page.set("test/undo", "dear");
    await page.getByRole("textbox", { name: "Filter retained messages" }).fill("test/undo");
    await page.grid.getByText("dear").click();
    await page
      .getByRole("region", { name: "Retained message", exact: true })
      .getByRole("button", { name: "Clear" })
      .click();
    await page.getByRole("dialog").getByRole("button", { name: "Clear 1" }).click();
    await page.getByRole("status").getByRole("button", { name: "Undo" }).click();
    await page.getByRole("status").getByText("1 retained message brought back").waitFor();
    assert.equal(await page.value("test/undo"), "dear");
  },

  "without anything the past says so": async (open) => {
    const page = await retained(open, "empty=1");
    await page.view("Past").click();
    await page.getByText("Nothing was retained then").waitFor();
    await page.view("Cleared").click();
    await page.getByText("Nothing was cleared").waitFor();
  },

  "a failure of the past is shown in its place": async (open) => {
    const page = await retained(open);
    await page.evaluate(() => window.nightjar.host.failing.add("pastOpen"));
    await page.view("Past").click();
    await page.getByText("That did not work").waitFor();
    await page.evaluate(() => window.nightjar.host.failing.clear());
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("grid", { name: "Retained messages of the past" }).waitFor();
  },

  "long topics break nothing in a small window": async (open) => {
    const page = await retained(open, "long=1", { size: [900, 600] });
    for (const view of ["Past", "Cleared"]) {
      await page.view(view).click();
      await page.grid.getByRole("row").nth(1).click();
      await page.getByRole("tab", { name: "History" }).click();
      const wide = await page.evaluate(() =>
        [...document.querySelectorAll("main, .pane, [role=row]")]
          .filter((element) => element.scrollWidth > element.clientWidth + 1)
          .map((element) => element.className || element.tagName),
      );
      assert.deepEqual(wide, []);
    }
  },
};
