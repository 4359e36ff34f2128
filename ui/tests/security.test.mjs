// Security over the fake host: accounts, rules with the box that tests them, bans, and what was denied.

import assert from "node:assert/strict";
import { until } from "./until.mjs";

async function security(open, tab, query = "", options) {
  const page = await open(`screen=security&${/security|empty/.test(query) ? "" : "security=1&"}${query}`, options);
  if (tab) await page.getByRole("tab", { name: new RegExp(`^${tab}`) }).click();
  page.rows = (name) => page.getByRole("grid", { name, exact: true }).getByRole("row");
  page.pane = (name) => page.getByRole("region", { name, exact: true });
  page.dialog = page.getByRole("dialog");
  page.numbers = async () => (await page.rows("Rules").allInnerTexts()).map((text) => Number.parseInt(text, 10));
  page.calls = (name) => page.evaluate((name) => window.nightjar.host.calls.get(name) ?? 0, name);
  return page;
}

export const tests = {
  "the way in says who may take it, where it listens, and which certificate it shows": async (open) => {
    const page = await security(open);
    const pane = page.pane("The way in");
    await pane.getByText("another program, perhaps another MQTT broker, uses port 1883").waitFor();
    await pane.getByText("MQTT over TLS").waitFor();
    await pane.getByText("192.168.1.20").waitFor();
    await pane.getByRole("button", { name: "Copy the fingerprint" }).click();
    await page.getByText("Fingerprint copied").waitFor();
    const [copied] = await page.evaluate(() => window.nightjar.host.copied);
    assert.match(copied, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    await pane.getByRole("button", { name: "Certificate for devices…" }).click();
    await page.dialog.getByRole("img", { name: "QR code with the certificate as text" }).waitFor();
    await page.dialog.getByRole("button", { name: "Close" }).click();
    await page.dialog.waitFor({ state: "detached" });
    const ending = await security(open, undefined, "ending=1");
    await ending.pane("The way in").getByText("12 days left").waitFor();
  },

  "a listener is opened at a port that is free, changed and closed, each asked about where it hurts": async (open) => {
    const page = await security(open);
    const pane = page.pane("The way in");
    const item = (text) => pane.getByRole("listitem").filter({ hasText: text });
    await pane.getByRole("button", { name: "Open another…" }).click();
    const field = (name) => page.dialog.getByRole("textbox", { name, exact: true });
    assert.equal(await field("Port").inputValue(), "8883");
    await page.dialog.getByRole("combobox", { name: "Kind" }).selectOption("web_socket_tls");
    assert.equal(await field("Port").inputValue(), "8084", "the usual one of its kind");
    await field("Port").fill("99999");
    await page.dialog.getByText("Write a whole number from 1 to 65535.").waitFor();
    await page.dialog.getByRole("button", { name: "Open the listener" }).click();
    assert.equal(await page.calls("addListener"), 0, "what is wrong is not sent");
    await field("Port").fill("8883");
    await page.dialog.getByRole("button", { name: "Open the listener" }).click();
    await page.dialog.getByText(/uses port 8883/).waitFor();
    await field("Port").fill("8085");
    await page.dialog.getByRole("combobox", { name: "Who may connect here" }).selectOption("anyone");
    await page.dialog.getByRole("button", { name: "Open the listener" }).click();
    await page.dialog
      .filter({ hasText: "without a password" })
      .getByRole("button", { name: "Let anyone connect" })
      .click();
    await item("8085").getByText("Anyone on my network").waitFor();

    await page.getByRole("button", { name: "MQTT over TLS on port 8883" }).click();
    await page.getByRole("menuitem", { name: "Change…" }).click();
    await page.dialog.getByRole("button", { name: "Files of mine" }).click();
    await page.dialog.getByRole("button", { name: "Change the listener" }).click();
    assert.equal(await page.dialog.getByText("Write the whole path of a PEM file.").count(), 2);
    await page.dialog.getByRole("button", { name: "Nightjar's own" }).click();
    await page.dialog.getByRole("combobox", { name: "Who may connect here" }).selectOption("this_computer");
    await page.dialog.getByRole("button", { name: "Change the listener" }).click();
    const question = page.dialog.filter({ hasText: "Keep other computers out here?" });
    await question.getByText("4 clients came through it.").waitFor();
    await question.getByRole("button", { name: "Change the listener" }).click();
    await item("127.0.0.1:8883").waitFor();

    await page.getByRole("button", { name: "WebSocket on port 9001" }).click();
    await page.getByRole("menuitem", { name: "Close…" }).click();
    await page.dialog.getByText("1 client came through it").waitFor();
    await page.dialog.getByRole("button", { name: "Close the listener" }).click();
    await until("it is gone", async () => (await item("9001").count()) === 0);
  },

  "the port of plain MQTT is changed, unless it is taken or the command line says it": async (open) => {
    const page = await security(open);
    const pane = page.pane("The way in");
    await pane.getByRole("button", { name: "MQTT on port 1883" }).first().click();
    await page.getByRole("menuitem", { name: "Change the port…" }).click();
    await page.dialog.getByText("connections go on, and need the new port to come back").waitFor();
    const port = page.dialog.getByRole("textbox", { name: "Port", exact: true });
    assert.equal(await port.inputValue(), "1883");
    await port.fill("8883");
    await page.dialog.getByRole("button", { name: "Change the port" }).click();
    await page.dialog.getByText(/uses port 8883/).waitFor();
    await port.fill("1884");
    await page.dialog.getByRole("button", { name: "Change the port" }).click();
    await page.dialog.waitFor({ state: "detached" });
    await pane.getByRole("button", { name: "MQTT on port 1884" }).waitFor();

    const fixed = await security(open, undefined, "fixedport=1");
    await fixed.pane("The way in").getByText("From the command line").waitFor();
    assert.equal(await fixed.getByRole("button", { name: "MQTT on port 1883" }).count(), 1, "only that of a table");
  },

  "an account is made with a password that is shown this once": async (open) => {
    const page = await security(open, "Accounts");
    await page.getByRole("button", { name: "New account" }).click();
    await page.dialog.getByRole("textbox", { name: "User name" }).fill("plc");
    await page.dialog.getByRole("button", { name: "Make the account" }).click();
    await page.dialog.getByText("There is an account of this name already").waitFor();
    await page.dialog.getByRole("textbox", { name: "User name" }).fill("tv");
    const password = await page.dialog.getByRole("textbox", { name: "Password" }).inputValue();
    assert.equal(password.length, 20);
    await page.dialog.getByRole("button", { name: "Make the account" }).click();
    await page.dialog.getByText("Note the password now").waitFor();
    await page.dialog.getByText(password).waitFor();
    await page.dialog.getByRole("button", { name: "I have it" }).click();
    await page.pane("Account").getByText("tv").waitFor();
    assert.equal(await page.getByText(password).count(), 0, "nobody can show it any more");
  },

  "an account is disabled, gets another password, and is deleted, each asked about where it hurts": async (open) => {
    const page = await security(open, "Accounts");
    await page.rows("Accounts").filter({ hasText: "plc" }).click();
    const pane = page.pane("Account");
    await pane.getByRole("button", { name: "Disable" }).click();
    await page.dialog.getByText("6 clients connected with it would be disconnected").waitFor();
    await page.dialog.getByRole("button", { name: "Disable" }).click();
    await pane.getByText("Disabled: it lets nobody in").waitFor();
    await pane.getByRole("button", { name: "Change password…" }).click();
    await page.dialog.getByRole("textbox", { name: "Password" }).fill("");
    await page.dialog.getByRole("button", { name: "Change the password" }).click();
    await page.dialog.getByText("The password is empty.").waitFor();
    await page.dialog.getByRole("textbox", { name: "Password" }).fill("correct horse");
    await page.dialog.getByRole("button", { name: "Change the password" }).click();
    await page.dialog.getByText("correct horse").waitFor();
    await page.dialog.getByRole("button", { name: "I have it" }).click();
    await pane.getByRole("button", { name: "Delete…" }).click();
    await page.dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await until("it is gone", async () => (await page.rows("Accounts").filter({ hasText: "plc" }).count()) === 0);
  },

  "a rule is written, tested, moved and deleted, and comes back by Undo": async (open) => {
    const page = await security(open, "Rules");
    await until("five rules", async () => (await page.numbers()).length === 5);
    await page.rows("Rules").nth(1).click();
    await page.getByRole("button", { name: "New rule" }).click();
    await page.dialog.getByText("It comes above rule 2").waitFor();
    await page.dialog.getByRole("button", { name: "Add the rule" }).click();
    await page.dialog.getByText("Write a topic filter, such as home/#.").waitFor();
    await page.dialog.getByRole("textbox", { name: "Topic filter" }).fill("a#");
    await page.dialog.getByRole("button", { name: "Add the rule" }).click();
    assert.equal(await page.calls("changeRules"), 0, "what is wrong is not sent");
    await page.dialog.getByRole("textbox", { name: "Topic filter" }).fill("factory/+/+/command");
    await page.dialog.getByRole("combobox", { name: "For whom" }).selectOption("account");
    await page.dialog.getByRole("textbox", { name: "Account" }).fill("tablets");
    await page.dialog.getByRole("button", { name: "Add the rule" }).click();
    await until("it is the second", async () => (await page.numbers())[1] === 6);

    const test = page.pane("Test a rule");
    await test.getByRole("textbox", { name: "Account of the client" }).fill("tablets");
    await test.getByRole("textbox", { name: "Topic of the test" }).fill("factory/line-1/press/command");
    await test.getByText("Allowed", { exact: true }).waitFor();
    await test.getByText("Rule 6 decides:").waitFor();
    await page.locator(".decides").filter({ hasText: "factory/+/+/command" }).waitFor();

    // Nobody else uses it, so that nothing is asked.
    await page.rows("Rules").nth(1).click();
    await page.keyboard.press("Alt+ArrowDown");
    await until("it is the third", async () => (await page.numbers())[2] === 6);
    await test.getByText("Denied", { exact: true }).waitFor();
    await test.getByText("Rule 2 decides:").waitFor();
    await page.keyboard.press("Delete");
    await until("it is gone", async () => !(await page.numbers()).includes(6));
    await page.getByRole("button", { name: "Undo" }).click();
    await until("it is back in its place", async () => (await page.numbers()).length === 6);
  },

  "a change that takes something from clients is asked about, naming who": async (open) => {
    const page = await security(open, "Rules");
    await page.rows("Rules").first().click();
    await page.getByRole("button", { name: "New rule" }).click();
    await page.dialog.getByRole("button", { name: "Denies" }).click();
    await page.dialog.getByRole("textbox", { name: "Topic filter" }).fill("zigbee2mqtt/#");
    await page.dialog.getByRole("button", { name: "Add the rule" }).click();
    const question = page.getByRole("dialog").filter({ hasText: "Take something from" });
    await question.getByText(/homeassistant could no longer .*read zigbee2mqtt\/#/).waitFor();
    await question.getByRole("button", { name: "Cancel" }).click();
    assert.equal(await page.calls("changeRules"), 0);
    await page.getByRole("dialog").getByRole("textbox", { name: "Topic filter" }).fill("#");
    await page.getByRole("dialog").getByRole("button", { name: "Add the rule" }).click();
    const all = page.getByRole("dialog").filter({ hasText: "Lock everybody out?" });
    await all.getByText("Nobody could publish or subscribe to anything any more.").waitFor();
    await all.getByRole("button", { name: "Lock everybody out" }).click();
    await until("it is the first", async () => (await page.numbers())[0] === 6);
  },

  "what was denied proposes what would allow it": async (open) => {
    const page = await security(open, "Denied");
    await page.rows("Denials").filter({ hasText: "hall-tablet" }).click();
    const pane = page.pane("Denied");
    await pane.getByText("Rule 2 denies it").waitFor();
    await pane.getByRole("button", { name: "Test it" }).click();
    await page.pane("Test a rule").getByText("Rule 2 decides:").waitFor();
    await page.getByRole("tab", { name: /^Denied/ }).click();
    await pane.getByRole("button", { name: "Allow this…" }).click();
    await page.dialog.getByText("It comes above rule 2").waitFor();
    assert.equal(
      await page.dialog.getByRole("textbox", { name: "Topic filter" }).inputValue(),
      "factory/line-2/press-04/command",
    );
    assert.equal(await page.dialog.getByRole("textbox", { name: "Account" }).inputValue(), "tablets");
    await page.dialog.getByRole("button", { name: "Add the rule" }).click();
    await until("it is above the one that denied", async () => (await page.numbers()).join() === "1,6,2,3,4,5");
    await page.pane("Test a rule").getByText("Allowed", { exact: true }).waitFor();

    await page.getByRole("tab", { name: /^Denied/ }).click();
    await page.rows("Denials").filter({ hasText: "meter-9" }).click();
    await pane.getByRole("button", { name: "Make the account…" }).click();
    assert.equal(await page.dialog.getByRole("textbox", { name: "User name" }).inputValue(), "meter-9");
    await page.dialog.getByRole("button", { name: "Cancel" }).click();

    await page.getByRole("tab", { name: /^Denied/ }).click();
    await page.rows("Denials").filter({ hasText: "gateway" }).click();
    await pane.getByRole("button", { name: "Enable the account…" }).click();
    await page.dialog.getByRole("button", { name: "Enable", exact: true }).click();
    await page.getByText("old-gateway enabled").waitFor();
  },

  "a ban says whom it turns out, asks where that is everybody, and is lifted and brought back": async (open) => {
    const page = await security(open, "Bans");
    await page.rows("Bans").filter({ hasText: "press-99-plc" }).waitFor();
    await page.getByRole("button", { name: "Ban…" }).click();
    const ban = page.dialog.filter({ hasText: "Whoever is banned" });
    await ban.getByRole("button", { name: "Ban", exact: true }).click();
    await ban.getByText("has 1 to 65535 bytes").waitFor();
    assert.equal(await page.calls("ban"), 0, "what is wrong is not sent");
    await ban.getByRole("textbox", { name: "Client identifier" }).fill("homeassistant");
    await ban.getByText("homeassistant would be disconnected, and kept out.").waitFor();
    await ban.getByRole("button", { name: "Address" }).click();
    await ban.getByRole("textbox", { name: "Address or network" }).fill("127.0.0.1");
    await ban.getByRole("button", { name: "Ban", exact: true }).click();
    const question = page.dialog.filter({ hasText: "Keep this computer out?" });
    await question.getByRole("button", { name: "Cancel" }).click();
    assert.equal(await page.calls("ban"), 0);
    await ban.getByRole("textbox", { name: "Address or network" }).fill("10.77.0.0/16");
    await ban.getByText("Nobody who is connected is meant.").waitFor();
    await ban.getByRole("combobox", { name: "For how long" }).selectOption("7d");
    await ban.getByRole("textbox", { name: "Note" }).fill("scans, too");
    await ban.getByRole("button", { name: "Ban", exact: true }).click();
    const row = page.rows("Bans").filter({ hasText: "10.77.0.0/16" });
    await row.filter({ hasText: "scans, too" }).waitFor();
    await page
      .pane("Ban")
      .getByText(/^in (7 d|6 d 23 h)/)
      .waitFor();
    await page.pane("Ban").getByRole("button", { name: "Lift the ban" }).click();
    await page.getByText("10.77.0.0/16 may connect again").waitFor();
    await until("it is gone", async () => (await row.count()) === 0);
    await page.getByRole("button", { name: "Undo" }).last().click();
    await row.waitFor();

    await page.getByRole("tab", { name: /^Denied/ }).click();
    await page.rows("Denials").filter({ hasText: "hall-tablet" }).click();
    await page.pane("Denied").getByRole("button", { name: "Ban…" }).click();
    assert.equal(await page.dialog.getByRole("textbox", { name: "Client identifier" }).inputValue(), "hall-tablet");
    await page.dialog.getByRole("button", { name: "Address" }).click();
    assert.equal(await page.dialog.getByRole("textbox", { name: "Address or network" }).inputValue(), "192.168.1.44");
  },

  "files of mosquitto are taken over, and what is wrong with one is named": async (open) => {
    const page = await security(open, "Accounts", "file=/etc/mosquitto/wrong");
    const field = page.dialog.getByRole("textbox", { name: "File" });
    await page.getByRole("button", { name: "Import a password file of mosquitto…" }).click();
    await page.dialog.getByRole("button", { name: "Choose…" }).click();
    await until("it is chosen", async () => (await field.inputValue()) === "/etc/mosquitto/wrong");
    await page.dialog.getByRole("button", { name: "Import the accounts" }).click();
    await page.dialog.getByText("line 2: there is no colon").waitFor();
    await field.fill("/etc/mosquitto/passwd");
    await page.dialog.getByRole("button", { name: "Import the accounts" }).click();
    await page.getByText("3 accounts imported; devices was there already").waitFor();
    await page.rows("Accounts").filter({ hasText: "meter-2" }).waitFor();

    await page.getByRole("tab", { name: /^Rules/ }).click();
    await page.getByRole("button", { name: "Import an ACL file of mosquitto…" }).click();
    await page.dialog.getByText("They take the place of the 5 rules that there are.").waitFor();
    await field.fill("/etc/mosquitto/acl");
    await page.dialog.getByRole("button", { name: "Replace the rules" }).click();
    const question = page.dialog.filter({ hasText: "Take something from" });
    await question.getByRole("button", { name: "Change the rules" }).click();
    await until("three rules", async () => (await page.numbers()).join() === "1,2,3");
  },

  "thousands of accounts and rules, and names without end, stay in their lists": async (open) => {
    const page = await security(open, "Rules", "long=1&security=many", { size: [900, 560] });
    await until(
      "all rules",
      async () => (await page.getByRole("grid", { name: "Rules" }).getAttribute("aria-rowcount")) === "2006",
    );
    assert.ok((await page.rows("Rules").count()) < 60, "only those in sight exist");
    await page.getByRole("textbox", { name: "Filter rules" }).fill("meter-1234");
    await until("one is left", async () => (await page.rows("Rules").count()) === 1);
    await page.getByRole("tab", { name: /^Accounts/ }).click();
    await page.rows("Accounts").filter({ hasText: "north-wing" }).click();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    assert.equal(wide, false, "nothing is wider than the window");
  },

  "nothing there yet says what would change that": async (open) => {
    const page = await security(open, "Rules", "empty=1");
    // The first run has no clients: the screen is there all the same.
    await page.getByText("Who is let in may publish and read everything.").waitFor();
    await page.getByRole("group", { name: "Where no rule matches" }).getByRole("button", { name: "Deny" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Lock everybody out" }).click();
    await page.getByText("Without a rule that allows something, nobody may publish or read anything.").waitFor();
    await page.getByRole("tab", { name: /^Denied/ }).click();
    await page.getByText("Nothing was denied").waitFor();
    await page.getByRole("tab", { name: /^Accounts/ }).click();
    await page.getByText("No accounts yet").waitFor();
    await page.getByRole("tab", { name: /^Bans/ }).click();
    await page.getByText("Nobody is banned").waitFor();
  },
};
