// MQTT.js in a page of Chromium that does what standard input says; src/client/driver.rs describes the lines.
//
// Each driver is a browser of its own, whose home has nothing but the authority that the connection is to trust: the browser
// judges the broker's certificate as it judges any other.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const library = fileURLToPath(new URL("node_modules/mqtt/dist/mqtt.min.js", import.meta.url));

function say(event, fields = {}) {
    process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

const home = mkdtempSync(join(tmpdir(), "nightjar-browser-"));
let server;
let browser;
let page;

/** Chromium looks for authorities that its user trusts in this database of NSS (package libnss3-tools). */
function trust(authority) {
    const database = `sql:${join(home, ".pki/nssdb")}`;
    execFileSync("mkdir", ["-p", join(home, ".pki/nssdb")]);
    execFileSync("certutil", ["-d", database, "-N", "--empty-password"]);
    execFileSync("certutil", ["-d", database, "-A", "-t", "C,,", "-n", "broker", "-i", authority]);
}

async function open(authority) {
    if (authority) trust(authority);
    // A page of http://localhost, as a page that somebody wrote would be: not a file, and with an origin.
    server = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<p>"));
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    browser = await chromium.launch({
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        headless: true,
        env: { ...process.env, HOME: home },
        args: [
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    });
    page = await browser.newPage();
    await page.exposeFunction("say", say);
    await page.goto(`http://localhost:${server.address().port}/`);
    await page.addScriptTag({ path: library });
}

const requests = {
    async connect({ host, port, webSocket, authority, version, clientIdentifier, kept, will }) {
        if (!webSocket) throw new Error("a browser speaks nothing but WebSocket");
        await open(authority);
        await page.evaluate(
            ({ url, options, will }) => {
                window.hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
                window.bytes = (text) =>
                    Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
                // In a will MQTT.js takes text or its own Buffer, which a page does not have.
                const text = new TextDecoder("utf-8", { fatal: true });
                if (will) options.will = { ...will, payload: text.decode(window.bytes(will.payload)) };
                const client = mqtt.connect(url, options);
                client.on("connect", (answer) => say("connected", { sessionPresent: answer.sessionPresent }));
                client.on("error", (error) => say("failed", { reason: String(error) }));
                // A browser tells a page nothing of why a connection failed: it only ends.
                client.on("close", () => window.leaving || say("failed", { reason: "the connection ended" }));
                client.on("message", (topic, payload, { qos, retain }) =>
                    say("message", { topic, payload: window.hex(payload), qos, retain }),
                );
                window.client = client;
            },
            {
                url: `${authority ? "wss" : "ws"}://${host}:${port}/mqtt`,
                options: {
                    protocolVersion: version,
                    clientId: clientIdentifier,
                    clean: !kept,
                    reconnectPeriod: 0,
                    ...(version === 5 && kept ? { properties: { sessionExpiryInterval: 3600 } } : {}),
                },
                will,
            },
        );
    },
    async subscribe({ filter, qos }) {
        const granted = await page.evaluate(
            async ([filter, qos]) => (await window.client.subscribeAsync(filter, { qos }))[0].qos,
            [filter, qos],
        );
        say("subscribed", { granted });
    },
    async publish({ topic, payload, qos, retain }) {
        await page.evaluate(
            ({ topic, payload, qos, retain }) => window.client.publishAsync(topic, window.bytes(payload), { qos, retain }),
            { topic, payload, qos, retain },
        );
        say("published");
    },
    async disconnect() {
        await page.evaluate(() => {
            window.leaving = true;
            return window.client.endAsync();
        });
        say("disconnected");
    },
};

async function close() {
    await browser?.close();
    server?.close();
    rmSync(home, { recursive: true, force: true });
}

const lines = createInterface({ input: process.stdin });
for await (const line of lines) {
    const request = JSON.parse(line);
    try {
        await requests[request.do](request);
    } catch (error) {
        say("failed", { reason: String(error) });
    }
    if (request.do === "disconnect") break;
}
await close();
process.exit(0);
