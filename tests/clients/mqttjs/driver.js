// An MQTT.js client that does what standard input says; src/client/driver.rs describes the lines.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import mqtt from "mqtt";

let client;

function say(event, fields = {}) {
    process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

const requests = {
    connect({ host, port, webSocket, authority, version, clientIdentifier, kept, will, login }) {
        client = mqtt.connect({
            protocol: (webSocket ? "ws" : "mqtt") + (authority ? "s" : ""),
            path: webSocket ? "/mqtt" : undefined,
            ca: authority ? readFileSync(authority) : undefined,
            host,
            port,
            // A user name and a password, where there is one.
            ...login,
            protocolVersion: version,
            clientId: clientIdentifier,
            clean: !kept,
            reconnectPeriod: 0,
            properties: version === 5 && kept ? { sessionExpiryInterval: 3600 } : undefined,
            will: will ? { ...will, payload: Buffer.from(will.payload, "hex") } : undefined,
        });
        client.on("connect", (answer) => say("connected", { sessionPresent: answer.sessionPresent }));
        client.on("error", (error) => say("failed", { reason: String(error) }));
        client.on("message", (topic, payload, { qos, retain }) =>
            say("message", { topic, payload: payload.toString("hex"), qos, retain }),
        );
    },
    async subscribe({ filter, qos }) {
        const [granted] = await client.subscribeAsync(filter, { qos });
        say("subscribed", { granted: granted.qos });
    },
    async publish({ topic, payload, qos, retain }) {
        await client.publishAsync(topic, Buffer.from(payload, "hex"), { qos, retain });
        say("published");
    },
    async disconnect() {
        await client.endAsync();
        say("disconnected");
    },
};

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
process.exit(0);
