// The screen History over the fake host: two million messages.

import assert from "node:assert/strict";
import { until } from "./until.mjs";

async function history(open, query = "") {
  const page = await open(`screen=history&${query}`);
  page.list = page.getByRole("grid", { name: "Messages", exact: true });
  page.field = (name) => page.getByRole("textbox", { name, exact: true });
  page.first = async () => Number(await page.list.getByRole("row").first().getAttribute("aria-rowindex"));
  return page;
}

export const tests = {
  "two million rows scroll, by wheel, key and thumb, with a screenful of elements": async (open) => {
    const page = await history(open);
    await page.list.getByText(":", { exact: false }).first().waitFor();
    const total = Number(await page.list.getAttribute("aria-rowcount"));
    assert.ok(total > 2_000_000);

    // One notch is a few rows, though the list is four times as high as an element can be.
    await page.list.hover();
    await page.mouse.wheel(0, 100);
    await until("the list has moved by a notch", async () => (await page.first()) > 1);
    assert.ok((await page.first()) <= 5, `a notch moved to row ${await page.first()}`);

    await page.list.focus();
    await page.keyboard.press("End");
    await until("the last row is there", async () => {
      const last = page.list.locator(`[aria-rowindex="${total}"]`);
      return (await last.count()) === 1 && (await last.getAttribute("aria-busy")) === null;
    });
    assert.ok((await page.list.getByRole("row").count()) < 60);
    const box = await page.list.boundingBox();
    const last = await page.list.locator(`[aria-rowindex="${total}"]`).boundingBox();
    assert.ok(last.y + last.height <= box.y + box.height + 1, "the last row is whole in sight");
    await page.getByRole("tab", { name: "Payload" }).waitFor();

    // The thumb to the middle.
    await page.mouse.move(box.x + box.width - 5, box.y + 4);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 5, box.y + box.height / 2, { steps: 4 });
    await page.mouse.up();
    const middle = await page.first();
    assert.ok(Math.abs(middle / total - 0.5) < 0.1, `the thumb went to row ${middle}`);
    await until("the rows there are loaded", async () => (await page.list.locator("[aria-busy]").count()) === 0);

    // From there a page up is a page, not a leap.
    await page.list.getByRole("row").nth(5).click();
    const before = Number(await page.list.locator("[aria-selected=true]").getAttribute("aria-rowindex"));
    await page.keyboard.press("PageUp");
    await until("a page further up is selected", async () => {
      const now = await page.list.locator("[aria-selected=true]").first().getAttribute("aria-rowindex");
      return Number(now) < before && Number(now) > before - 40;
    });
    await page.keyboard.press("Home");
    await until("the first row is first", async () => (await page.first()) === 1);
  },

  "a search shows how far it is, finds what was asked for, and its rows keep their places": async (open) => {
    const page = await history(open);
    await page.field("Topic filter").fill("factory/+/+/temperature");
    await page.field("Payload contains").fill("71.5");
    await page.getByRole("progressbar", { name: "Searched" }).waitFor();
    const first = await until("there are results before it is done", async () => {
      const rows = await page.list.locator("[role=row]:not([aria-busy])").allInnerTexts();
      return (await page.getByRole("progressbar", { name: "Searched" }).count()) > 0 && rows.length > 5 && rows;
    });
    for (const row of first) {
      assert.match(row, /temperature/);
      assert.match(row, /71\.5/);
    }
    await page.getByRole("progressbar", { name: "Searched" }).waitFor({ state: "detached", timeout: 30_000 });
    const after = await page.list.locator("[role=row]:not([aria-busy])").allInnerTexts();
    assert.deepEqual(after.slice(0, 5), first.slice(0, 5));
  },

  "a search can be cancelled; what was found stays": async (open) => {
    const page = await history(open);
    await page.field("Payload contains").fill("71");
    await page.getByRole("progressbar", { name: "Searched" }).waitFor();
    await page.list.locator("[role=row]:not([aria-busy])").first().waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText(/stopped at \d+ %/).waitFor();
    await page.list.getByRole("row").nth(2).click();
    await page.getByRole("tab", { name: "Payload" }).waitFor();
    assert.equal(await page.evaluate(() => window.nightjar.host.calls.get("historyClose") >= 1), true);
  },

  "what is wrong is said below its field": async (open) => {
    const page = await history(open);
    await page.field("Topic filter").fill("factory/#/temperature");
    await page.getByText("# stands only at the end").waitFor();
    assert.equal(await page.field("Topic filter").getAttribute("aria-invalid"), "true");
    await page.field("Topic filter").fill("");
    await page.getByRole("button", { name: "From … to" }).click();
    await page.field("From").fill("14:00");
    await page.field("To").fill("13:00");
    await page.getByText("This is before the beginning.").waitFor();
    await page.field("From").fill("whenever");
    await page.getByText(/^Write a time such as/).waitFor();
  },

  "QoS and retained narrow the search": async (open) => {
    const page = await history(open);
    await page.getByRole("combobox", { name: "QoS" }).selectOption("1");
    await page.getByRole("combobox", { name: "Retained" }).selectOption("Retained");
    await until("only retained messages of QoS 1 are listed", () =>
      page.evaluate(async () => {
        const { progress } = window.nightjar.keep("history");
        if (!progress?.done) return false;
        const { rows } = await window.nightjar.host.historyPage(progress.search, 0, 200);
        return rows.length > 0 && rows.every(({ qos, retain }) => qos === 1 && retain);
      }),
    );
    await page.getByRole("button", { name: "Clear all" }).click();
    assert.equal(await page.getByRole("combobox", { name: "QoS" }).inputValue(), "any");
  },

  "a condition on JSON finds what meets it, and says what is wrong with it": async (open) => {
    const page = await history(open);
    const field = page.field("JSON condition");
    await field.fill("value > 71.9");
    await page.getByText("A path begins with $").waitFor();
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    await field.fill("$.value > 71.9");
    await page.list.locator("[role=row]:not([aria-busy])").first().waitFor();
    await until("what is listed meets the condition", async () => {
      const rows = await page.evaluate(async () => {
        const { progress } = window.nightjar.keep("history");
        return (await window.nightjar.host.historyPage(progress.search, 0, 50)).rows.map(({ preview }) => preview);
      });
      return rows.length > 0 && rows.every((row) => JSON.parse(row).value > 71.9);
    });
  },

  "gaps are marked on the histogram and between the rows": async (open) => {
    const page = await history(open, "gaps=1");
    const gaps = page.getByRole("button", { name: "2 gaps, 89,216 messages not on record" });
    await gaps.waitFor();
    assert.match(await gaps.getAttribute("title"), /because the disk is slower than the traffic/);
    await gaps.click();
    await page.list.locator("[aria-selected=true]").waitFor();
    const torn = page.list.locator("[role=row][title^='Below: 1,204 messages']");
    await until("one row says that messages are missing below it", async () => (await torn.count()) === 1);
  },

  "a number in the payloads is charted": async (open) => {
    const page = await history(open);
    await page.field("Topic filter").fill("factory/line-2/press-04/temperature");
    await until("the search is over", () =>
      page.evaluate(() => {
        const { query, progress } = window.nightjar.keep("history");
        return query.filter !== "" && progress?.done;
      }),
    );
    await page.getByRole("button", { name: "Chart" }).click();
    const dialog = page.getByRole("dialog", { name: "Chart of a number" });
    await dialog.getByRole("img", { name: "$.value over time" }).waitFor();
    await dialog.getByText(/^16,000 numbers in factory\/line-2\/press-04\/temperature/).waitFor();
    const path = dialog.getByRole("textbox", { name: "Path to the number" });
    await path.fill("value");
    await page.keyboard.press("Enter");
    await dialog.getByText("A path begins with $").waitFor();
    await path.fill("$.unit");
    await page.keyboard.press("Enter");
    await dialog.getByText("No numbers there").waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.ok((await page.evaluate(() => window.nightjar.host.calls.get("plotClose"))) >= 1);
  },

  "what was found is exported to a file that the desktop asks for, with progress, and can be cancelled": async (
    open,
  ) => {
    const page = await history(open);
    await page.list.getByRole("row").first().waitFor();
    await page.getByRole("button", { name: "Export" }).click();
    const dialog = page.getByRole("dialog", { name: /^Export 2,1\d\d,\d\d\d messages$/ });
    await dialog.getByRole("button", { name: "CSV" }).click();
    await dialog.getByRole("button", { name: "Choose a file…" }).click();
    await dialog.getByRole("progressbar", { name: "Exported" }).waitFor();
    await dialog.getByRole("button", { name: "Cancel the export" }).click();
    await dialog.getByRole("button", { name: "Choose a file…" }).click();
    await dialog.getByText("2,104,318 messages written to").waitFor();
    await dialog.getByText(/^\/home\/anna\/Documents\/nightjar-.*\.csv$/).waitFor();
    await dialog.getByRole("button", { name: "Done" }).click();
    await dialog.waitFor({ state: "detached" });
  },

  "where the desktop asks for no file, its path is typed": async (open) => {
    const page = await history(open, "nochooser=1");
    await page.list.getByRole("row").first().waitFor();
    await page.getByRole("button", { name: "Export" }).click();
    const dialog = page.getByRole("dialog", { name: /^Export 2,1\d\d,\d\d\d messages$/ });
    await dialog.getByRole("button", { name: "Choose a file…" }).click();
    await dialog.getByText("The desktop's own dialog can't be opened.").waitFor();
    const file = dialog.getByRole("textbox", { name: "File" });
    const proposed = await file.inputValue();
    assert.match(proposed, /^\/home\/anna\/Downloads\/nightjar-.*\.jsonl$/);
    await file.fill("/home/anna/Downloads/taken.csv");
    await page.keyboard.press("Enter");
    await dialog.getByText("taken.csv is there already. Choose another name.").waitFor();
    await file.fill(proposed);
    await dialog.getByRole("button", { name: "Export", exact: true }).click();
    await dialog.getByText(proposed).waitFor();
  },

  "rows are selected as in any list, copied and exported": async (open) => {
    const page = await history(open);
    const rows = page.list.getByRole("row");
    const selected = () => page.list.locator("[aria-selected=true]").count();
    await rows.nth(2).click();
    const top = (await rows.nth(2).boundingBox()).y;
    await rows.nth(5).click({ modifiers: ["Shift"] });
    await page.getByText("4 selected").waitFor();
    assert.equal((await rows.nth(2).boundingBox()).y, top, "the rows stay where they are");
    await rows.nth(8).click({ modifiers: ["Control"] });
    await page.keyboard.press("Shift+ArrowDown");
    await page.getByText("2 selected").waitFor();
    assert.equal(await selected(), 2);
    await rows.nth(3).click({ modifiers: ["Control"] });
    await page.keyboard.press("Control+c");
    await page.getByText("3 messages copied as JSON Lines").waitFor();
    const [copied] = await page.evaluate(() => window.nightjar.host.copied);
    const ids = copied
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).id);
    assert.deepEqual(ids, [ids[0], ids[0] - 5, ids[0] - 6]);

    await page.getByRole("button", { name: "Export selected" }).click();
    const dialog = page.getByRole("dialog", { name: "Export 3 selected messages" });
    await dialog.getByRole("button", { name: "Choose a file…" }).click();
    await dialog.getByText("3 messages written to").waitFor();
    await dialog.getByRole("button", { name: "Done" }).click();

    await page.list.focus();
    await page.keyboard.press("Control+a");
    await page.getByText(/^2,1\d\d,\d\d\d selected$/).waitFor();
    await page.getByRole("button", { name: "Copy as JSON Lines" }).click();
    await page.getByText("They are more than 16 MB").waitFor();
    await page.list.focus();
    await page.keyboard.press("Escape");
    await until("nothing but the one row is selected", async () => (await selected()) <= 1);
    await page.getByText(/selected$/).waitFor({ state: "detached" });
  },

  "nothing found says what to do": async (open) => {
    const page = await history(open);
    await page.field("Topic filter").fill("no/such/topic");
    await page.getByText("No message matches").waitFor({ timeout: 30_000 });
    await page.getByRole("button", { name: "Show all messages" }).click();
    await page.list.getByRole("row").first().waitFor();
    assert.equal(await page.field("Topic filter").inputValue(), "");
  },

  "jump to a time, and choose a span on the histogram": async (open) => {
    const page = await history(open);
    await page.getByRole("button", { name: "Jump to time" }).click();
    await page.field("Time").fill("whenever");
    await page.getByRole("button", { name: "Jump", exact: true }).click();
    await page
      .getByRole("dialog")
      .getByText(/^Write a time/)
      .waitFor();
    await page.field("Time").fill("1 d ago");
    await page.keyboard.press("Enter");
    const selected = page.list.locator("[aria-selected=true]");
    await selected.waitFor();
    const at = await page.evaluate(
      () => window.nightjar.keep("history").row(window.nightjar.keep("history").selected).at,
    );
    assert.ok(Math.abs(Date.now() - 86_400_000 - at) < 60_000, "the row is a day old");

    const timeline = page.getByRole("img", { name: /Messages over time/ });
    const box = await timeline.boundingBox();
    await page.mouse.move(box.x + box.width * 0.25, box.y + 10);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 10, { steps: 5 });
    await page.mouse.up();
    await page.field("From").waitFor();
    await until("the search is over", () => page.evaluate(() => window.nightjar.keep("history").progress?.done));
    const share = await page.evaluate(
      () => window.nightjar.keep("history").total / window.nightjar.vitals.data.history_messages,
    );
    assert.ok(Math.abs(share - 0.25) < 0.03, `a quarter of the time holds ${share} of the messages`);
    await page.getByRole("button", { name: "Back to the wider time" }).click();
    await until(
      "all of the time is there again",
      async () => (await page.getByRole("button", { name: "Any time", pressed: true }).count()) === 1,
    );
    assert.equal(await page.getByRole("button", { name: "Back to the wider time" }).count(), 0);
  },

  "newer messages wait until they are asked for": async (open) => {
    const page = await history(open);
    const newer = page.getByRole("button", { name: /newer$/ });
    await newer.waitFor();
    const before = await page.list.getByRole("row").first().innerText();
    await page.waitForTimeout(700);
    assert.equal(await page.list.getByRole("row").first().innerText(), before);
    await newer.click();
    await until(
      "a newer row stands first",
      async () => (await page.list.getByRole("row").first().innerText()) !== before,
    );
  },

  "an empty record says what to do": async (open) => {
    const page = await history(open, "empty=1");
    await page.getByText("Nothing on record yet").waitFor();
  },
};
