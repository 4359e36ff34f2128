// The screen Publish over the fake host.

import assert from "node:assert/strict";
import { until } from "./until.mjs";

async function publish(open, query = "", options = {}) {
  const page = await open(`screen=publish&${query}`, options);
  page.topic = page.getByRole("textbox", { name: "Topic", exact: true });
  page.payload = page.getByRole("textbox", { name: "Payload", exact: true });
  page.message = page.getByRole("region", { name: "Message", exact: true });
  page.result = page.message.locator("footer p");
  page.filter = page.getByRole("textbox", { name: "Filter to subscribe to" });
  page.inbox = page.getByRole("grid", { name: "Received messages" });
  page.calls = (command) => page.evaluate((name) => window.nightjar.host.calls.get(name) ?? 0, command);
  page.subscribe = async (filter) => {
    await page.filter.fill(filter);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: `Unsubscribe from ${filter}` }).waitFor();
  };
  await page.topic.waitFor();
  return page;
}

export const tests = {
  "Ctrl Enter connects and publishes, and the line below says what became of it": async (open) => {
    const page = await publish(open);
    await page.topic.fill("lab/nobody/listens");
    await page.payload.fill("21.5");
    await page.getByRole("group", { name: "QoS", exact: true }).getByRole("button", { name: "1" }).click();
    await page.payload.press("Control+Enter");
    await until(
      "the result",
      async () => (await page.result.innerText()) === "Acknowledged after 1.8 ms: No matching subscribers",
    );
    await page.getByText("Connected", { exact: true }).waitFor();
    // The window is a client among the others.
    await page.evaluate(() => window.nightjar.openClient("nightjar-window"));
    await page.getByRole("grid", { name: "Clients" }).getByText("this window").waitFor();
  },

  "what is missing is marked where it is missing": async (open) => {
    const page = await publish(open);
    await page.getByRole("button", { name: "Connect and publish" }).click();
    await page.getByText("Write a topic.").waitFor();
    assert.equal(await page.topic.getAttribute("aria-invalid"), "true");
    await page.topic.fill("a/+/b");
    await page.getByText("takes no +").waitFor();
    await page.topic.fill("a/b");
    await page.message.getByRole("button", { name: "Hex" }).click();
    await page.payload.fill("xyz");
    await page.message.getByRole("alert").getByText("“x” is not a hexadecimal digit.").waitFor();
    await page.keyboard.press("Control+Enter");
    assert.equal(await page.calls("publisherPublish"), 0);
    await page.payload.fill("de ad");
    await page.keyboard.press("Control+Enter");
    await until("it is published", async () => (await page.calls("publisherPublish")) === 1);
  },

  "JSON is checked and formatted": async (open) => {
    const page = await publish(open);
    await page.payload.fill('{"a":1.0,"b":}');
    await page.getByText("Not valid JSON: line 1, column 14: a value is expected, not “}”").waitFor();
    assert.ok(await page.getByRole("button", { name: /^Format the JSON/ }).isDisabled());
    await page.payload.fill('{"a":1.0}');
    await page.getByText("Valid JSON", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Format the JSON", exact: true }).click();
    assert.equal(await page.payload.inputValue(), '{\n  "a": 1.0\n}');
  },

  "a file becomes the payload": async (open) => {
    const page = await publish(open);
    const file = page.getByLabel("File with the payload");
    await file.setInputFiles({ name: "small.json", mimeType: "application/json", buffer: Buffer.from('{"ok":true}') });
    await until("its text is there", async () => (await page.payload.inputValue()) === '{"ok":true}');
    await file.setInputFiles({ name: "photo.raw", mimeType: "image/x-raw", buffer: Buffer.alloc(300_000, 0xff) });
    await page.message.getByText("photo.raw").waitFor();
    await page.topic.fill("camera/photo");
    await page.keyboard.press("Control+Enter");
    await until("it is retained nowhere and published whole", async () => /Sent/.test(await page.result.innerText()));
    await page.getByRole("button", { name: "Remove the file" }).click();
    assert.equal(await page.payload.inputValue(), "");
  },

  "properties belong to MQTT 5.0: folded, checked, and left out below it with a word why": async (open) => {
    const page = await publish(open);
    await page.topic.fill("a");
    const fold = page.getByRole("button", { name: "MQTT 5 properties" });
    assert.equal(await fold.getAttribute("aria-expanded"), "false");
    await fold.click();
    await page.getByRole("textbox", { name: "Expires after, in seconds" }).fill("tomorrow");
    await page.getByText("Write whole seconds").waitFor();
    await fold.click();
    await page.keyboard.press("Control+Enter");
    // What is wrong is unfolded again.
    await page.getByText("Write whole seconds").waitFor();
    await page.getByRole("textbox", { name: "Expires after, in seconds" }).fill("60");
    await page.getByRole("textbox", { name: "Content type" }).fill("text/plain");
    await page.getByRole("button", { name: "Add user property" }).click();
    await page.getByRole("textbox", { name: "Name of user property 1" }).fill("site");
    await page.getByRole("textbox", { name: "Value of user property 1" }).fill("workshop");
    await fold.click();
    await page.getByText("3 set").waitFor();
    await page.getByRole("button", { name: "3.1.1" }).click();
    await page.getByText("3 left out: MQTT 3.1.1 has none").waitFor();
    assert.ok(await fold.isDisabled());
  },

  "what the subscriptions receive comes in, holds still, waits and is cleared": async (open) => {
    const page = await publish(open);
    await page.subscribe("factory/line-2/press-04/temperature");
    await page.inbox.getByRole("row").first().waitFor();
    await page.inbox.getByRole("row").first().click();
    const times = () => page.inbox.locator("[role=row] > :first-child").allInnerTexts();
    const before = await times();
    await page.getByRole("button", { name: /^\d+ new$/ }).waitFor();
    assert.deepEqual((await times()).slice(0, before.length), before);
    await page.getByRole("region", { name: "Received message" }).getByText('"unit"').waitFor();
    await page.getByRole("button", { name: /^\d+ new$/ }).click();
    await until("the news is on top", async () => (await times())[0] !== before[0]);
    await page.mouse.move(5, 5);
    await page.getByRole("button", { name: "Live", exact: true }).click();
    await page.getByText("Live is off").waitFor();
    await page.getByRole("button", { name: "Unsubscribe from factory/line-2/press-04/temperature" }).click();
    await page.getByRole("button", { name: "Clear the list" }).click();
    await page.getByText("Nothing received").waitFor();
  },

  "a filter is checked at its field; No local is of MQTT 5.0": async (open) => {
    const page = await publish(open);
    await page.getByRole("button", { name: "Subscribe", exact: true }).click();
    await page.getByText("Write a filter.").waitFor();
    await page.filter.fill("a/b#");
    await page.getByText("# stands alone between slashes").waitFor();
    assert.equal(await page.calls("publisherSubscribe"), 0);
    await page.getByRole("checkbox", { name: "No local" }).check();
    await page.subscribe("lab/#");
    await page.topic.fill("lab/x");
    await page.keyboard.press("Control+Enter");
    await until("it is sent", async () => /Sent/.test(await page.result.innerText()));
    // What it published itself does not come back.
    await page.getByText("Nothing received").waitFor();
    await page.getByRole("button", { name: "Disconnect" }).click();
    await page.getByRole("button", { name: "3.1.1" }).click();
    assert.ok(await page.getByRole("checkbox", { name: "No local" }).isDisabled());
  },

  "a refused connection says why beside it": async (open) => {
    const page = await publish(open);
    const id = page.getByRole("textbox", { name: "Client identifier" });
    await until("the form knows the identifier", async () => (await id.inputValue()) === "nightjar-window");
    await id.fill("x".repeat(201));
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await page.getByRole("alert").getByText("The broker refused the Client Identifier (0x85)").waitFor();
    await id.fill("");
    await page.getByText("Write a client identifier.").waitFor();
    assert.ok(await page.getByRole("button", { name: "Connect", exact: true }).isDisabled());
    await id.fill("me");
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await page.getByText("Connected", { exact: true }).waitFor();
    assert.equal(await page.getByRole("alert").count(), 0);
    // Disconnected by somebody else, it says that, too.
    await page.evaluate(() => window.nightjar.host.disconnectClient("me"));
    await page.getByRole("alert").getByText("Administrative action (0x98)").waitFor();
  },

  "repeating goes on until it fails, resumes and stops": async (open) => {
    const page = await publish(open);
    const row = page.getByRole("group", { name: "Repeat" });
    await page.topic.fill("tick");
    await row.getByRole("textbox", { name: /^Milliseconds/ }).fill("5");
    await page.getByText("Write milliseconds, from 10 to 3,600,000.").waitFor();
    assert.ok(await row.getByRole("button", { name: "Start" }).isDisabled());
    await row.getByRole("textbox", { name: /^Milliseconds/ }).fill("20");
    await row.getByRole("button", { name: "Start" }).click();
    await until("three are sent", async () => (await page.calls("publisherPublish")) >= 3);
    await page.evaluate(() => window.nightjar.host.failing.add("publisherPublish"));
    await row.getByText(/paused/).waitFor();
    await page.message.getByText("That did not work").waitFor();
    await page.evaluate(() => window.nightjar.host.failing.clear());
    await row.getByRole("button", { name: "Resume" }).click();
    const at = await page.calls("publisherPublish");
    await until("it goes on", async () => (await page.calls("publisherPublish")) > at);
    await row.getByRole("button", { name: "Stop" }).click();
    await row.getByRole("button", { name: "Start" }).waitFor();
    await page.getByText(/^Finished: /).waitFor();
  },

  "presets and recent messages are there again after a reload": async (open) => {
    const page = await publish(open);
    await page.topic.fill("lamp/set");
    await page.payload.fill("ON");
    await page.keyboard.press("Control+Enter");
    await until("it is sent", async () => /Sent/.test(await page.result.innerText()));
    await page.getByRole("button", { name: "Presets" }).click();
    await page.getByRole("menuitem", { name: "Save as preset…" }).click();
    const dialog = page.getByRole("dialog", { name: "Save as preset" });
    await dialog.getByRole("textbox", { name: "Name" }).fill("");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("Write a name.").waitFor();
    await dialog.getByRole("textbox", { name: "Name" }).fill("Lamp on");
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });

    await page.reload();
    await page.topic.waitFor();
    await page.getByRole("button", { name: "Recent messages" }).click();
    await page.getByRole("menuitem", { name: /^lamp\/set/ }).click();
    assert.equal(await page.payload.inputValue(), "ON");
    await page.payload.fill("");
    await page.getByRole("button", { name: "Presets" }).click();
    await page.getByRole("menuitem", { name: "Lamp on" }).click();
    assert.equal(await page.payload.inputValue(), "ON");
    await page.getByRole("button", { name: "Presets" }).click();
    await page.getByRole("menuitem", { name: "Delete presets…" }).click();
    await page.getByRole("button", { name: "Delete Lamp on" }).click();
    await page.getByText("There are no presets any more.").waitFor();
  },

  "what another screen brings is filled in, and Undo brings back what was there": async (open) => {
    const page = await publish(open);
    await page.topic.fill("mine");
    await page.payload.fill("precious");
    await page.evaluate(() => window.nightjar.publishTo({ topic: "theirs", payload: btoa("1"), qos: 2, retain: true }));
    await until("it is filled in", async () => (await page.topic.inputValue()) === "theirs");
    assert.equal(await page.payload.inputValue(), "1");
    assert.ok(await page.getByRole("checkbox", { name: "Retain" }).isChecked());
    await until("the payload has the focus", () => page.payload.evaluate((area) => area === document.activeElement));
    await page.getByRole("status").getByRole("button", { name: "Undo" }).click();
    assert.equal(await page.payload.inputValue(), "precious");
  },

  "it stays in its frame in a small window, in either theme": async (open) => {
    for (const theme of ["light", "dark"]) {
      const page = await publish(open, `theme=${theme}&long=1`, { size: [1000, 620] });
      await page.topic.fill(`${"level/".repeat(160)}end`);
      await page.subscribe("long/#");
      await page.inbox.getByRole("row").first().click();
      await page.getByRole("button", { name: "MQTT 5 properties" }).click();
      const wide = await page.evaluate(() =>
        [...document.querySelectorAll("main, .pane, .connection, [role=row]")]
          .filter((element) => element.scrollWidth > element.clientWidth + 1)
          .map((element) => element.className || element.tagName),
      );
      assert.deepEqual(wide, []);
      const button = await page.getByRole("button", { name: "Publish", exact: true }).last().boundingBox();
      assert.ok(button && button.y + button.height < 620, "the button is in sight");
    }
  },
};
