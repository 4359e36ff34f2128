// The screen Topics over the fake host.

import assert from "node:assert/strict";
import { until } from "./until.mjs";

const TOPIC = "factory/line-2/press-04/temperature";

async function topics(open, query = "", options = {}) {
  const page = await open(`screen=topics&${query}`, options);
  page.tree = page.getByRole("treegrid", { name: "Topics" });
  page.level = (name) => page.tree.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });
  page.list = page.getByRole("grid", { name: /^Messages of/ });
  page.times = () => page.list.locator("[role=row] > :first-child").allInnerTexts();
  page.names = () => page.tree.locator(".t").allInnerTexts();
  return page;
}

async function at(page, topic) {
  await page.evaluate((topic) => window.nightjar.openTopic(topic), topic);
  await page.list.getByRole("row").first().waitFor();
}

export const tests = {
  "levels unfold and fold, by pointer and by keys, and say where they are": async (open) => {
    const page = await topics(open);
    const factory = page.level("factory");
    await factory.waitFor();
    assert.equal(await factory.getAttribute("aria-level"), "1");
    assert.equal(await factory.getAttribute("aria-expanded"), "false");
    await factory.getByRole("button", { name: "Unfold factory" }).click();
    await page.level("line-2").waitFor();
    assert.equal(await factory.getAttribute("aria-expanded"), "true");
    assert.equal(await page.level("line-2").getAttribute("aria-level"), "2");

    await page.level("line-2").click();
    await page.level("press-04").waitFor();
    await page.keyboard.press("ArrowLeft");
    await page.level("press-04").waitFor({ state: "detached" });
    await page.keyboard.press("ArrowRight");
    await page.level("press-04").waitFor();
    await page.keyboard.press("ArrowRight");
    await until(
      "the first child is selected",
      async () => (await page.tree.locator("[aria-selected=true] .t").innerText()) === "camera",
    );
    await page.keyboard.press("ArrowLeft");
    await until(
      "the level above is selected",
      async () => (await page.tree.locator("[aria-selected=true] .t").innerText()) === "line-2",
    );
    await page.getByRole("button", { name: "Collapse all" }).click();
    await page.level("line-2").waitFor({ state: "detached" });
  },

  "a filter shows what matches with the way to it; a wrong one says why below the field": async (open) => {
    const page = await topics(open);
    const field = page.getByRole("textbox", { name: "Filter topics" });
    await field.fill("factory/+/press-04/temperature");
    await page.level("temperature").first().waitFor();
    assert.ok(!(await page.names()).includes("homeassistant"));
    await field.fill("factory/#/x");
    await page.getByText("# stands only at the end").waitFor();
    await field.fill("no such topic");
    await page.getByText("No topic matches").waitFor();
    await page.getByRole("button", { name: "Clear the filter" }).last().click();
    await page.level("homeassistant").waitFor();
  },

  "a topic's messages come in live; one that is selected holds the list and counts what is new": async (open) => {
    const page = await topics(open);
    await at(page, TOPIC);
    const newest = (await page.times())[0];
    await until("a newer message stands first", async () => (await page.times())[0] > newest);

    await page.list.getByRole("row").nth(3).click();
    await page.getByText("Holding still while a message is selected").waitFor();
    const held = await page.times();
    const selected = await page.list.locator("[aria-selected=true] > :first-child").innerText();
    await page.getByRole("heading", { name: "Message", exact: true }).waitFor();
    assert.equal(await page.getByRole("region", { name: "Message", exact: true }).locator(".at").innerText(), selected);
    const news = page.getByRole("button", { name: /\d new$/ });
    const count = async () => Number(/\d+/.exec(await news.innerText())[0]);
    await until("more than ten wait", async () => (await news.count()) > 0 && (await count()) > 10);
    assert.deepEqual(await page.times(), held, "no row has moved meanwhile");

    // Aside, or the pointer itself would hold the list.
    await news.click();
    await page.mouse.move(640, 10);
    await until("the list runs again", async () => (await page.times())[0] > held[0]);
    await page.getByText("Live, the newest first").waitFor();
    await page.getByRole("heading", { name: "Newest message" }).waitFor();
  },

  "rows do not move under the pointer": async (open) => {
    const page = await topics(open);
    await page.level("factory").waitFor();
    await page.getByRole("button", { name: "Sort" }).click();
    await page.getByRole("menuitemradio", { name: "Latest message first" }).click();
    await page.evaluate(() => document.activeElement.blur());
    await page.getByRole("textbox", { name: "Filter topics" }).fill("press");
    await until("there are many rows", async () => (await page.names()).length > 15);
    await page.evaluate(() => document.activeElement.blur());
    await page.tree.hover();
    await until("the order has settled under the pointer", async () =>
      page.getByText("The order has changed").isVisible(),
    );
    const held = await page.names();
    for (let i = 0; i < 8; i += 1) {
      await page.waitForTimeout(100);
      assert.deepEqual(await page.names(), held);
    }
    await page.mouse.move(640, 10);
    await until("it moves again", async () => (await page.names()).join() !== held.join());
  },

  "JSON says what changed; the marks can be switched off": async (open) => {
    const page = await topics(open);
    await at(page, TOPIC);
    await page.list.getByRole("row").nth(2).click();
    await page
      .getByText(/^was \d/)
      .first()
      .waitFor();
    const line = page.locator(".json .changed").filter({ hasText: '"seq"' });
    const [, now, was] = /"seq": (\d+).*was (\d+)/s.exec(await line.innerText());
    assert.equal(Number(now), Number(was) + 1);
    await page.getByRole("button", { name: "Changes" }).click();
    await page
      .getByText(/^was \d/)
      .first()
      .waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Text", exact: true }).click();
    assert.match(await page.locator(".box").innerText(), /^\{"value":/);
    await page.getByRole("button", { name: "Copy payload" }).click();
    await page.getByText("Payload copied").waitFor();
    assert.equal(JSON.parse((await page.evaluate(() => window.nightjar.host.copied)).at(-1)).seq, Number(now));
  },

  "binary is shown as the bytes that it is": async (open) => {
    const page = await topics(open);
    await at(page, "factory/line-2/camera/frames");
    await page.list.getByRole("row").nth(1).click();
    const hex = page.getByRole("grid", { name: "Payload as bytes" });
    await hex.waitFor();
    const id = await page.evaluate(() => window.nightjar.keep("topics").messages.selected);
    const base64 = await page.evaluate(async (id) => (await window.nightjar.host.message(id)).payload.base64, id);
    const bytes = [...Buffer.from(base64, "base64")].map((byte) => byte.toString(16).padStart(2, "0"));
    const first = hex.getByRole("row").first();
    assert.equal((await first.locator(".digits").innerText()).replace(/\s/g, ""), bytes.slice(0, 8).join(""));
    assert.equal(await hex.getAttribute("aria-rowcount"), String(Math.ceil(bytes.length / 8)));
    await page.getByRole("button", { name: "Copy payload" }).click();
    assert.equal((await page.evaluate(() => window.nightjar.host.copied)).at(-1), bytes.join(" "));
  },

  "J and K step through the messages, Escape lets go": async (open) => {
    const page = await topics(open);
    await at(page, TOPIC);
    await page.getByRole("heading", { name: "Newest message" }).waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    const selected = () => page.evaluate(() => window.nightjar.keep("topics").messages.index);
    const second = await selected();
    assert.ok(second >= 1);
    await page.keyboard.press("k");
    assert.equal(await selected(), second - 1);
    await page.keyboard.press("Escape");
    assert.equal(await selected(), -1);
    await page.keyboard.press("Escape");
    await page.getByText("Select a topic", { exact: true }).waitFor();
  },

  "chips narrow the list to a client and to a text": async (open) => {
    const page = await topics(open);
    await at(page, TOPIC);
    await page.getByRole("button", { name: "Payload contains…" }).click();
    await page.getByRole("textbox", { name: "Payload contains" }).fill("no such text");
    await page.getByText(/None of the newest/).waitFor();
    await page.getByRole("textbox", { name: "Payload contains" }).press("Escape");
    await page.getByRole("button", { name: "Only messages of one client" }).click();
    await page.getByRole("menuitemradio", { name: /^press-04-plc/ }).click();
    await page.list.getByRole("row").first().waitFor();
    await page.getByRole("button", { name: "More about this topic" }).click();
    await page.getByRole("menuitem", { name: "Older in History" }).click();
    await page.getByRole("heading", { name: "History" }).waitFor();
    assert.equal(await page.getByRole("textbox", { name: "Topic filter" }).inputValue(), TOPIC);
    assert.equal(await page.getByRole("textbox", { name: "Client identifier" }).inputValue(), "press-04-plc");
  },

  "the inspector leads on: properties, delivery, the publisher, the chart, publishing again": async (open) => {
    const page = await topics(open);
    await at(page, TOPIC);
    await page.list.getByRole("row").nth(1).click();
    await page.getByRole("button", { name: "Open chart" }).click();
    await page.getByRole("dialog").getByText("Mean").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    await page.getByRole("tab", { name: "Properties" }).click();
    await page.getByRole("tabpanel").getByText("application/json").waitFor();
    await page.getByRole("tab", { name: "Delivery" }).click();
    await page.getByText(/It matched the subscriptions of \d+ client/).waitFor();
    await page.getByRole("tab", { name: "Payload" }).click();
    const sent = await page.evaluate(() => {
      const app = window.nightjar;
      const asked = [];
      app.publishTo = (draft) => asked.push(draft);
      app.openClient = (client) => asked.push(client);
      return (window.asked = asked).length;
    });
    assert.equal(sent, 0);
    await page.getByRole("button", { name: "Publish again" }).click();
    await page.getByRole("button", { name: "press-04-plc" }).click();
    const [draft, client] = await page.evaluate(() => window.asked);
    assert.equal(client, "press-04-plc");
    assert.equal(draft.topic, TOPIC);
    assert.match(Buffer.from(draft.payload, "base64").toString(), /^\{"value":/);
    assert.equal(draft.properties.content_type, "application/json");
  },

  "awkward names stay in their places": async (open) => {
    const page = await topics(open, "long=1");
    await page.getByRole("textbox", { name: "Filter topics" }).fill("/");
    await until("everything is unfolded", async () => (await page.names()).length > 15);
    const model = () => page.evaluate(() => window.nightjar.keep("topics").tree.total);
    const total = await model();
    for (let seen = 0; seen < Math.min(total, 200); seen += 15) {
      await page.evaluate((top) => document.querySelector("[role=treegrid]").scrollTo(0, top), seen * 28);
      await page.waitForTimeout(120);
      const wrong = await page.evaluate(
        () =>
          [...document.querySelectorAll("[role=treegrid] [role=row]")].filter(
            (row) => row.offsetHeight !== 28 || row.scrollWidth > row.clientWidth + 1,
          ).length,
      );
      assert.equal(wrong, 0, `rows at ${seen} keep their height and width`);
    }
    // The longest name, selected: breadcrumb, list and inspector have to bear it.
    const longest = await page.evaluate(async () => {
      const rows = (
        await window.nightjar.host.topicRows({ expanded: [], filter: "/", sort: "name", first: 0, count: 5000 })
      ).rows;
      return rows.filter((row) => row.is_topic).sort((a, b) => b.path.length - a.path.length)[0].path;
    });
    assert.ok(longest.length > 200);
    await at(page, longest);
    await page.getByRole("tab", { name: "Delivery" }).click();
    await page.waitForTimeout(300);
    const overflow = await page.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll("section.pane")]
        .filter((element) => element.scrollWidth > element.clientWidth + 1)
        .map((element) => element.getAttribute("aria-label")),
    );
    assert.deepEqual(overflow, []);
  },

  "panes are widened by keys, and an empty broker says what to do": async (open) => {
    const page = await topics(open, "empty=1");
    await page.getByText("No messages yet").waitFor();
    const line = page.getByRole("separator", { name: "Width of the tree" });
    await line.focus();
    await page.keyboard.press("ArrowRight");
    assert.equal(await line.getAttribute("aria-valuenow"), "348");
    await page.getByRole("button", { name: "Publish a message" }).waitFor();
  },
};
