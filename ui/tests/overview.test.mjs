// Overview and the first-run card.

import assert from "node:assert/strict";
import { until } from "./until.mjs";

export const tests = {
  async "it shows the vital numbers, a chart that is drawn, and who is busiest"(open) {
    const page = await open();
    for (const label of ["Clients", "Messages in", "Messages out", "Traffic", "Dropped"]) {
      await page.locator(".kpi").filter({ hasText: label }).first().waitFor();
    }
    const painted = await page.locator("canvas").evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const colors = new Set();
      for (let i = 0; i < data.length; i += 4)
        if (data[i + 3] > 200) colors.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
      return { lines: ["15,127,151", "124,98,207"].filter((color) => colors.has(color)).length, colors: colors.size };
    });
    assert.equal(painted.lines, 2, "both lines are drawn in their colours");
    await page.getByRole("button", { name: "factory/line-2/press-04/vibration" }).waitFor();
  },

  async "the ranges ask for theirs"(open) {
    const page = await open();
    await page.getByRole("button", { name: "24 h" }).click();
    await page.getByRole("img", { name: "Messages per second, the last 24 hours" }).waitFor();
    const points = () => page.evaluate(() => window.nightjar.keep("overview").traffic.data.at.length);
    await until("24 h have 288 points", async () => (await points()) === 288);
  },

  async "a busy topic and a busy client lead to their screens"(open) {
    const page = await open();
    await page.getByRole("button", { name: "factory/line-2/press-04/vibration" }).click();
    assert.match(await page.locator("nav [aria-current=page]").innerText(), /Topics/);
    await page.keyboard.press("Control+1");
    await page.getByRole("button", { name: "press-04-plc" }).click();
    assert.equal(await page.evaluate(() => window.nightjar.screen), "clients");
  },

  async "the notice stands while anyone may connect; its one action closes the broker"(open) {
    const page = await open();
    const notice = page.getByText("Anyone on your network can connect without a password.");
    await notice.waitFor();
    await page.getByRole("button", { name: "Only this computer", exact: true }).click();
    await notice.waitFor({ state: "detached" });
    await page.locator("header").getByText("mqtt://127.0.0.1:1883").waitFor();
    await page.getByRole("img", { name: "QR code of mqtt://127.0.0.1:1883" }).waitFor();
  },

  async "a listener that takes anyone is told of, too, and leads to the listeners"(open) {
    const page = await open("access=password&account=tv&open=8083&open=9001");
    await page.getByText("Ports 8083, 9001 take anonymous clients.").waitFor();
    await page.getByRole("button", { name: "Look at the listeners" }).click();
    await page.getByRole("region", { name: "The way in" }).waitFor();
  },

  async "opening the broker asks once, and No changes nothing"(open) {
    const page = await open("access=this_computer");
    const access = page.getByRole("group", { name: "Who may connect" });
    await access.getByRole("button", { name: "Anyone" }).click();
    const dialog = page.getByRole("dialog", { name: "Let anyone on your network connect?" });
    assert.equal(
      await page.evaluate(() => document.activeElement.textContent.trim()),
      "Cancel",
      "the focus is on the harmless button",
    );
    await dialog.getByRole("button", { name: "Cancel" }).click();
    assert.equal(await page.evaluate(() => window.nightjar.running.access), "this_computer");
    await access.getByRole("button", { name: "Anyone" }).click();
    await dialog.getByRole("button", { name: "Let anyone connect" }).click();
    await page.getByRole("img", { name: "QR code of mqtt://192.168.1.20:1883" }).waitFor();
    assert.equal(await access.locator("[aria-pressed=true]").innerText(), "Anyone");
  },

  async "a switch that fails says so beside it"(open) {
    const page = await open();
    await page.evaluate(() => window.nightjar.host.failing.add("setAccess"));
    await page.getByRole("group", { name: "Who may connect" }).getByRole("button", { name: "This computer" }).click();
    await page.getByText("That did not work: The test wants it so. Try again.").waitFor();
    assert.equal(await page.evaluate(() => window.nightjar.running.access), "anyone");
  },

  async "the broker's notices can be put away"(open) {
    const page = await open("notice=The+database+was+set+aside.");
    await page.getByText("The database was set aside.").waitFor();
    await page.getByRole("button", { name: "Dismiss" }).click();
    await page.getByText("The database was set aside.").waitFor({ state: "detached" });
  },

  async "rows stand still under the pointer"(open) {
    const page = await open();
    const names = () => page.locator("section[aria-label='Recent events'] li").allInnerTexts();
    await page.locator("section[aria-label='Recent events'] li").first().hover();
    const before = await names();
    // From here on every answer begins with an event more.
    await page.evaluate(() => {
      const { host } = window.nightjar;
      const overview = host.overview.bind(host);
      host.overview = async () => {
        const answer = await overview();
        const [newest] = answer.events;
        return { ...answer, events: [{ ...newest, id: newest.id + 1000, text: "just now" }, ...answer.events] };
      };
    });
    await page.getByText(/^\d+ new$/).waitFor();
    assert.deepEqual(await names(), before);
  },

  async "the first-run card shows while nothing has connected, with what to type for this address"(open) {
    const page = await open("empty=1");
    await page.getByRole("heading", { name: "Your broker is running" }).waitFor();
    const code = page.locator("pre");
    assert.match(await code.innerText(), /mosquitto_sub -h 127\.0\.0\.1 -t "#" -v/);
    await page.getByRole("radio", { name: "Anyone on my network" }).click();
    await page.getByRole("button", { name: "Let anyone connect" }).click();
    await page.getByRole("img", { name: "QR code of mqtt://192.168.1.20:1883" }).waitFor();
    for (const [tab, line] of [
      ["mosquitto", "mosquitto_pub -h 192.168.1.20"],
      ["Python", 'hostname="192.168.1.20", port=1883'],
      ["Arduino, ESP32", 'mqtt.setServer("192.168.1.20", 1883)'],
      ["MicroPython", 'MQTTClient("my-board", "192.168.1.20", port=1883)'],
      ["Home Assistant", "Broker:    192.168.1.20"],
      ["Node-RED", "Server:    192.168.1.20"],
      ["Node.js", 'mqtt.connect("mqtt://192.168.1.20:1883")'],
    ]) {
      await page.getByRole("tab", { name: tab, exact: true }).click();
      assert.ok((await code.innerText()).includes(line), `${tab} has ${line}`);
    }
    await page.getByRole("button", { name: "Copy these lines" }).click();
    assert.match(await page.evaluate(() => window.nightjar.host.copied.at(-1)), /mqtt:\/\/192\.168\.1\.20:1883/);
  },

  async "devices get a login: errors stand at their fields, the password is shown once, and the lines have it"(open) {
    const page = await open("empty=1&firewall=ufw");
    await page.getByRole("radio", { name: "Devices on my network, with a password" }).click();
    const dialog = page.getByRole("dialog", { name: "A login for your devices" });
    const [name, password] = [
      dialog.getByLabel("User name", { exact: true }),
      dialog.getByLabel("Password", { exact: true }),
    ];
    assert.equal(await name.evaluate((input) => input === document.activeElement), true, "one can type at once");
    await name.fill("a:b");
    await page.keyboard.press("Enter");
    await dialog.getByText("no control characters, and no colon").waitFor();
    assert.equal(await name.getAttribute("aria-invalid"), "true");
    await name.fill("tv");
    await password.fill("it's secret");
    await dialog.getByRole("button", { name: "Make it and let devices in" }).click();
    const shown = page.getByRole("dialog", { name: "Note the password now" });
    await shown.getByText("it's secret").waitFor();
    await shown.getByRole("button", { name: "Copy the password" }).click();
    assert.equal(await page.evaluate(() => window.nightjar.host.copied.at(-1)), "it's secret");
    await shown.getByRole("button", { name: "I have it" }).click();
    await page.getByRole("img", { name: "QR code of mqtt://192.168.1.20:1883" }).waitFor();
    assert.match(await page.locator(".snippets pre").innerText(), /-u tv -P 'it'\\''s secret'/);
    await page.getByText("A device can’t reach this address?").click();
    await page.getByText("sudo ufw allow 1883/tcp").waitFor();
  },

  async "other ways in are ticked open, with lines for each and the certificate that TLS needs"(open) {
    const page = await open("empty=1&access=anyone");
    await page.getByRole("checkbox", { name: "TLS 8883", exact: true }).click();
    await page.getByRole("checkbox", { name: "WebSocket 8083" }).click();
    await page.getByRole("tab", { name: "Browser" }).click();
    const code = page.locator(".snippets pre");
    assert.match(await code.innerText(), /mqtt\.connect\("ws:\/\/192\.168\.1\.20:8083\/mqtt"\)/);
    await page.getByRole("checkbox", { name: "Lines for TLS" }).click();
    await page.getByRole("tab", { name: "mosquitto" }).click();
    assert.match(await code.innerText(), /-h 192\.168\.1\.20 -p 8883 --cafile nightjar-ca\.pem/);
    await page.getByRole("button", { name: "Certificate…" }).click();
    const dialog = page.getByRole("dialog", { name: "The certificate that devices trust" });
    await dialog.getByRole("img", { name: "QR code with the certificate as text" }).waitFor();
    await dialog.getByText("18 Nov 2046").waitFor();
    await dialog.getByRole("button", { name: "Copy the fingerprint" }).click();
    const fingerprint = await page.evaluate(() => window.nightjar.host.copied.at(-1));
    assert.match(fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    assert.equal(await dialog.locator(".fingerprint").innerText(), fingerprint, "what is copied is what is shown");
    await dialog.getByRole("button", { name: "Copy these lines" }).click();
    assert.match(await page.evaluate(() => window.nightjar.host.copied.at(-1)), /^-----BEGIN CERTIFICATE-----/);
    await dialog.getByRole("button", { name: "Save as a file…" }).click();
    await page.getByText("Saved as /home/anna/Downloads/nightjar-ca.pem").waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await page.getByRole("checkbox", { name: "TLS 8883", exact: true }).click();
    await page.getByRole("button", { name: "Certificate…" }).waitFor({ state: "detached" });
  },

  async "a certificate that can't be saved says what to do instead"(open) {
    const page = await open("empty=1&access=anyone&dialog=none");
    await page.getByRole("checkbox", { name: "TLS 8883", exact: true }).click();
    await page.getByRole("button", { name: "Certificate…" }).click();
    await page.getByRole("button", { name: "Save as a file…" }).click();
    await page.getByText("Copy its text instead").waitFor();
    assert.equal(await page.getByRole("button", { name: "Save as a file…" }).isEnabled(), true, "one may try again");
  },

  async "a page connects over TLS where that is asked for, or all that there is"(open) {
    const page = await open("empty=1&access=anyone");
    const code = page.locator(".snippets pre");
    await page.getByRole("checkbox", { name: "WebSocket over TLS 8084" }).click();
    await page.getByRole("tab", { name: "Browser" }).click();
    assert.match(await code.innerText(), /"wss:\/\/192\.168\.1\.20:8084\/mqtt"/);
    await page.getByRole("checkbox", { name: "WebSocket 8083" }).click();
    await code.getByText("ws://192.168.1.20:8083/mqtt").waitFor();
    await page.getByRole("checkbox", { name: "TLS 8883", exact: true }).click();
    await page.getByRole("checkbox", { name: "Lines for TLS" }).click();
    await code.getByText("wss://192.168.1.20:8084/mqtt").waitFor();
  },

  async "a way in that can't be opened says why, and stays closed"(open) {
    const page = await open("empty=1&taken=8083");
    await page.getByRole("checkbox", { name: "WebSocket 8083" }).click();
    await page.getByText("Another program uses it").waitFor();
    assert.equal(await page.getByRole("checkbox", { name: "WebSocket 8083" }).isChecked(), false);
  },

  async "no login is made where the user goes back, and the choice stands as it was"(open) {
    const page = await open("empty=1");
    await page.getByRole("radio", { name: "Devices on my network, with a password" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    assert.equal(await page.getByRole("radio", { name: "This computer only" }).isChecked(), true);
    assert.deepEqual(await page.evaluate(() => window.nightjar.host.accounts()), []);
  },

  async "the arrows go past a choice without making it, Space makes it"(open) {
    const page = await open("empty=1");
    await page.getByRole("radio", { name: "This computer only" }).focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.getByRole("dialog").count(), 0, "nothing was asked on the way");
    await page.keyboard.press("Space");
    await page.getByRole("dialog", { name: "Let anyone on your network connect?" }).waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await page.getByRole("radio", { name: "This computer only" }).isChecked(), true);
  },

  async "without the password at hand the lines say where it belongs"(open) {
    const page = await open("empty=1&access=password&account=tv&account=car");
    await page.getByText("tv, or 1 other").waitFor();
    assert.match(await page.locator(".snippets pre").innerText(), /-u tv -P PASSWORD/);
    await page.getByText("Put the password in the place of PASSWORD").waitFor();
    await page.getByRole("button", { name: "Make another" }).click();
    await page.getByRole("dialog").getByLabel("User name", { exact: true }).fill("tv");
    await page.getByRole("button", { name: "Make this login" }).click();
    await page.getByText("There is an account of this name already: choose another").waitFor();
  },

  async "the card's tabs go by the arrow keys"(open) {
    const page = await open("empty=1");
    await page.getByRole("tab", { name: "mosquitto" }).focus();
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.getByRole("tab", { name: "Python", exact: true }).getAttribute("aria-selected"), "true");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Node.js");
  },

  async "the card is over with the first connection"(open) {
    const page = await open("empty=1");
    await page.getByText("Waiting for the first connection").waitFor();
    await page.evaluate(() =>
      window.nightjar.host.publisherConnect({ client_id: "me", version: "5.0", clean_start: true }),
    );
    await page.getByText("Busiest topics").waitFor();
    await page.getByText("Nothing has happened yet").waitFor();
  },
};
