// The screen Retained over the fake host.

import assert from "node:assert/strict";
import { until } from "./until.mjs";

async function retained(open, query = "", options = {}) {
  const page = await open(`screen=retained&${query}`, options);
  page.grid = page.getByRole("grid", { name: "Retained messages" });
  page.row = (n) => page.grid.getByRole("row").nth(n);
  page.topics = () => page.grid.locator(".topic").allTextContents();
  page.ticked = () => page.grid.locator("input:checked").count();
  page.inspector = page.getByRole("region", { name: "Retained message", exact: true });
  page.filter = page.getByRole("textbox", { name: "Filter retained messages" });
  page.kept = (filter) =>
    page.evaluate((value) => window.nightjar.host.countRetained({ which: "filter", value }), filter);
  return page;
}

export const tests = {
  "Ctrl takes one, Shift a range, Space and Ctrl A by keys, Escape none": async (open) => {
    const page = await retained(open);
    await page.row(2).click({ modifiers: ["Control"] });
    await page.row(5).click({ modifiers: ["Shift"] });
    await until("four are ticked", async () => (await page.ticked()) === 4);
    await page.row(3).getByRole("checkbox").click();
    await until("three are ticked", async () => (await page.ticked()) === 3);
    assert.equal(await page.row(4).getAttribute("aria-selected"), "true");
    assert.equal(await page.row(3).getAttribute("aria-selected"), "false");
    await page.getByRole("button", { name: "Clear 3", exact: true }).waitFor();
    // A range must not select text as well.
    assert.equal(await page.evaluate(() => String(getSelection())), "");

    await page.keyboard.press("Escape");
    await until("none is ticked", async () => (await page.ticked()) === 0);
    await page.row(0).click();
    await page.keyboard.press("Space");
    await page.keyboard.press("Shift+ArrowDown");
    await page.keyboard.press("Shift+ArrowDown");
    await until("three are ticked by keys", async () => (await page.ticked()) === 3);
    assert.equal(await page.evaluate(() => window.nightjar.paused), false);
    await page.keyboard.press("Control+a");
    const total = await page.kept("");
    await page.getByRole("button", { name: `Clear ${total}`, exact: true }).waitFor();
  },

  "all that match are cleared after a question that says what and how many": async (open) => {
    const page = await retained(open);
    await page.filter.fill("factory/line-2/#");
    const n = await page.kept("factory/line-2/#");
    const all = await page.kept("");
    assert.ok(n > 10 && n < all);
    await page.getByRole("button", { name: `Select all ${n} matching` }).click();
    await page.getByRole("button", { name: `Clear ${n}`, exact: true }).click();
    const dialog = page.getByRole("dialog", { name: `Clear ${n} retained messages under factory/line-2?` });
    await dialog.getByRole("button", { name: "Cancel" }).click();
    assert.equal(await page.kept(""), all);
    await page.getByRole("button", { name: `Clear ${n}`, exact: true }).click();
    await dialog.getByRole("button", { name: `Clear ${n}` }).click();
    await page.getByRole("status").getByText(`${n} retained messages cleared`).waitFor();
    await page.getByText("No retained message matches").waitFor();
    assert.equal(await page.kept(""), all - n);
  },

  "a filter that is not valid says why, and plain text finds topics": async (open) => {
    const page = await retained(open);
    await page.filter.fill("factory/#/state");
    await page.getByText("# stands only at the end").waitFor();
    assert.equal(await page.filter.getAttribute("aria-invalid"), "true");
    await page.filter.fill("PRESS-04/recipe/name");
    await until("every topic holds the text", async () => {
      const topics = await page.topics();
      return topics.length > 0 && topics.every((topic) => topic.includes("press-04/recipe/name"));
    });
  },

  "sorting by size and by age": async (open) => {
    const page = await retained(open);
    await page.getByRole("button", { name: "Size" }).click();
    const sizes = () => page.grid.locator("[role=row] > :nth-child(4)").allInnerTexts();
    await until("the largest is first", async () => (await sizes())[0]?.startsWith("3"));
    await page.getByRole("button", { name: "Age" }).click();
    const ages = async () =>
      await page.grid.locator("[role=row] > :nth-child(5)").evaluateAll((cells) => cells.map((cell) => cell.title));
    await until("the youngest are first", async () => {
      const shown = await ages();
      return shown.length > 3 && shown.every((at, i) => i === 0 || at <= shown[i - 1]);
    });
    assert.equal(await page.getByRole("columnheader", { name: "Age" }).getAttribute("aria-sort"), "ascending");
  },

  "editing publishes anew: the table shows the new value, JSON is checked meanwhile": async (open) => {
    const page = await retained(open);
    await page.evaluate(() => window.nightjar.openRetained("factory/line-2/press-04/recipe"));
    await page.inspector.getByRole("button", { name: "Edit" }).click();
    const dialog = page.getByRole("dialog", { name: "Edit retained message" });
    const payload = dialog.getByRole("textbox", { name: "Payload" });
    assert.ok(await payload.evaluate((area) => area === document.activeElement));
    await dialog.getByText("Valid JSON").waitFor();
    await payload.fill('{"name": "bracket-41",}');
    await dialog.getByText("line 1, column 23: the comma before } is one too many").waitFor();
    await payload.fill("");
    await dialog.getByText("An empty payload would clear the message").waitFor();
    assert.ok(await dialog.getByRole("button", { name: "Publish" }).isDisabled());
    await payload.fill('{"name":"bracket-41"}');
    await page.evaluate(() => window.nightjar.host.failing.add("setRetained"));
    await page.keyboard.press("Control+Enter");
    await dialog.getByRole("alert").getByText("That did not work").waitFor();
    await page.evaluate(() => window.nightjar.host.failing.clear());
    await page.keyboard.press("Control+Enter");
    await dialog.waitFor({ state: "detached" });
    await page.grid.getByText('{"name":"bracket-41"}').waitFor();
    await page.inspector.getByText('"bracket-41"').waitFor();
  },

  "clearing one by the Delete key closes it in the inspector": async (open) => {
    const page = await retained(open);
    await page.row(1).click();
    const topic = (await page.topics())[1];
    await page.keyboard.press("Delete");
    await page
      .getByRole("dialog", { name: `Clear the retained message of ${topic}?` })
      .getByRole("button", { name: "Clear 1" })
      .click();
    await page.getByText("No message selected").waitFor();
    await until("its row is gone", async () => !(await page.topics()).includes(topic));
  },

  "a message that a device clears is said to be gone": async (open) => {
    const page = await retained(open);
    await page.row(0).click();
    await page.inspector.getByRole("button", { name: "Edit" }).waitFor();
    const [topic] = await page.topics();
    await page.evaluate((topic) => window.nightjar.host.clearRetained({ which: "topics", value: [topic] }), topic);
    // The table holds, since a row is selected; the news is one press away.
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await page.inspector.getByText("There is no retained message any more").waitFor();
  },

  "topics of a thousand characters and from right to left break nothing": async (open) => {
    const page = await retained(open, "long=1", { size: [900, 600] });
    await page.filter.fill("l");
    await page.getByRole("button", { name: "Size" }).click();
    await until("long ones are first", async () =>
      (await page.topics()).slice(0, 5).some((topic) => topic.length > 300),
    );
    for (const n of [0, 1, 2, 3, 4, 5]) {
      await page.row(n).click();
      await page.inspector.getByRole("button", { name: "Edit" }).waitFor();
      const wide = await page.evaluate(() =>
        [...document.querySelectorAll("main, .pane, [role=row]")]
          .filter((element) => element.scrollWidth > element.clientWidth + 1)
          .map((element) => element.className || element.tagName),
      );
      assert.deepEqual(wide, []);
    }
  },

  "without retained messages it says what they are, and leads to publishing one": async (open) => {
    const page = await retained(open, "empty=1");
    await page.getByText("No retained messages").waitFor();
    await page.getByRole("button", { name: "Publish one" }).click();
    await until("Retain is ticked", () => page.getByRole("checkbox", { name: "Retain" }).isChecked());
  },
};
