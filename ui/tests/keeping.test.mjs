// What the history keeps for how long: the dialog of History, over the fake host.

import assert from "node:assert/strict";
import { until } from "./until.mjs";

async function keeping(open, query = "", options) {
  const page = await open(`screen=history&${query}`, options);
  await page.getByRole("button", { name: / kept$/ }).click();
  page.dialog = page.getByRole("dialog", { name: "What the history keeps" });
  page.rule = (name) => page.dialog.getByRole("group", { name: `Keeping of ${name}`, exact: true });
  page.field = (name) => page.dialog.getByRole("textbox", { name, exact: true });
  page.filters = () =>
    page.dialog.getByRole("textbox", { name: /^Topic filter of/ }).evaluateAll((all) => all.map(({ value }) => value));
  page.save = page.dialog.getByRole("button", { name: /^Save/ });
  page.set = () => page.evaluate(async () => (await window.nightjar.host.keeping()).rules);
  await page.dialog.getByText("topics", { exact: false }).first().waitFor();
  return page;
}

export const tests = {
  "how large the record is, and that nothing is saved that did not change": async (open) => {
    const page = await keeping(open);
    await page.dialog.getByText("2,104,318 messages, the oldest of").waitFor();
    await page.dialog.getByText("Nothing to delete at the moment.").waitFor();
    assert.equal(await page.dialog.getByRole("meter").getAttribute("aria-valuenow"), "14");
    assert.equal(await page.field("How long, all topics").inputValue(), "30 days");
    await page.rule("all topics").getByText("1,290 topics").waitFor();
    assert.equal(await page.save.isDisabled(), true);
    await page.keyboard.press("Escape");
    await page.dialog.waitFor({ state: "detached" });
  },

  "a rule says what it is for and would delete, and then deletes it": async (open) => {
    const page = await keeping(open);
    await page.dialog.getByRole("button", { name: "Add a rule" }).click();
    assert.equal(await page.save.isDisabled(), true);
    await page.dialog.getByText("Each rule needs a topic filter.").waitFor();
    // The field of the filter has the focus.
    await page.keyboard.type("factory/#");
    await page
      .rule("rule 1")
      .getByText(/^1,018 topics, [\d,]+ messages$/)
      .waitFor();
    await page
      .rule("all other topics")
      .getByText(/^272 topics/)
      .waitFor();
    await page.field("How long, rule 1").fill("1 day");
    await page
      .rule("rule 1")
      .getByText(/of which about [\d,]+ messages would be deleted/)
      .waitFor();
    await page.dialog.getByRole("button", { name: /^Save and delete about [\d,]+ messages$/ }).click();
    await page.dialog.waitFor({ state: "detached" });
    const { rules } = await page.set();
    assert.deepEqual(rules[0], {
      filter: "factory/#",
      keep: { nothing: false, age: 86_400_000, messages: null, bytes: null },
    });
    await page.getByRole("button", { name: / kept$/ }).click();
    await page.dialog.getByText(/^Deleting what the rules let go of: [\d,]+ messages so far\.$/).waitFor();
    await page.dialog.getByText(/^[\d,]+ messages deleted/).waitFor();
  },

  "what is wrong is said below its field, and is not saved": async (open) => {
    const page = await keeping(open);
    await page.dialog.getByRole("button", { name: "Add a rule" }).click();
    await page.keyboard.type("factory/#/a");
    await page.dialog.getByText("# stands only at the end").waitFor();
    await page.field("Topic filter of rule 1").fill("$share/g/a");
    await page.dialog.getByText("leave $share and the group out").waitFor();
    await page.field("Topic filter of rule 1").fill("a/b");
    await page.rule("rule 1").getByText("No topic on record matches.").waitFor();
    for (const [name, wrong, said] of [
      ["How long, rule 1", "a month", "such as 7 days"],
      ["How many messages of each topic, rule 1", "many", "a whole number"],
      ["How many bytes of payload together, rule 1", "5 XB", "such as 500 MB"],
      ["Whole file, at most", "0 GB", "Don't record"],
      ["How long events are kept", "12", "such as 7 days"],
    ]) {
      await page.field(name).fill(wrong);
      assert.equal(await page.field(name).getAttribute("aria-invalid"), "true", name);
      await page.dialog.getByText(said, { exact: false }).first().waitFor();
      assert.equal(await page.save.isDisabled(), true, name);
      await page.field(name).fill("");
      assert.equal(await page.field(name).getAttribute("aria-invalid"), null, name);
    }
    await until("it can be saved", async () => !(await page.save.isDisabled()));
  },

  "rules are moved and removed with the keyboard, and the focus goes with them": async (open) => {
    const page = await keeping(open, "rules=many");
    const before = await page.filters();
    await page.field("Topic filter of rule 2").focus();
    await page.keyboard.press("Alt+ArrowDown");
    await until("the second has become the third", async () => (await page.filters())[2] === before[1]);
    const focus = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
    await until("the focus went with it", async () => (await focus()) === "Topic filter of rule 3");
    await page.rule("rule 3").getByRole("button", { name: /up/ }).focus();
    await page.keyboard.press("Enter");
    await until("it is the second again", async () => (await page.filters())[1] === before[1]);
    await until("the button went with it", async () => (await focus()) === "Move rule 2 up (Alt ↑)");
    await page.rule("rule 2").getByRole("button", { name: "Remove rule 2" }).focus();
    await page.keyboard.press("Enter");
    await until("it is gone", async () => !(await page.filters()).includes(before[1]));
    await until("the next one has the focus", async () => (await focus()) === "Topic filter of rule 2");
    await page.field("Topic filter of rule 1").focus();
    await page.keyboard.press("Alt+ArrowUp");
    assert.deepEqual(await page.filters(), [before[0], ...before.slice(2)], "the first stays the first");
    await page.rule("rule 5").getByText("No topic on record is left for it.").waitFor();
    await page.rule("rule 5").getByRole("combobox").selectOption("Don't record");
    await page.save.click();
    await page.dialog.waitFor({ state: "detached" });
    const { rules } = await page.set();
    assert.deepEqual(
      rules.map(({ filter }) => filter),
      [before[0], ...before.slice(2)],
    );
    assert.equal(rules[4].keep.nothing, true);
  },

  "a settings file that is wrong is named, and what was typed stays": async (open) => {
    const page = await keeping(open, "wrongfile=1");
    await page.field("Whole file, at most").fill("20 GB");
    await until("it can be saved", async () => !(await page.save.isDisabled()));
    await page.save.click();
    await page.dialog.getByText("nightjar.toml, line 3: port can't be 70000").waitFor();
    await page.dialog.getByText("Write a whole number from 1 to 65535").waitFor();
    assert.equal(await page.field("Whole file, at most").inputValue(), "20 GB");
  },

  "no data, a small window and long filters fit": async (open) => {
    const empty = await keeping(open, "empty=1");
    await empty.dialog.getByText("no messages yet").waitFor();
    await empty.dialog.getByText("No topic on record matches.").waitFor();
    const page = await keeping(open, "rules=many&long=1", { size: [900, 560] });
    const box = await page.dialog.boundingBox();
    assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= 900 && box.y + box.height <= 560, JSON.stringify(box));
    const { scroll, client } = await page.dialog.evaluate((dialog) => ({
      scroll: dialog.scrollWidth,
      client: dialog.clientWidth,
    }));
    assert.ok(scroll <= client, "nothing is beside the dialog");
    await page.save.scrollIntoViewIfNeeded();
    assert.equal(await page.save.isVisible(), true);
  },
};
