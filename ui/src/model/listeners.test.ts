import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ListenerDraft as Wanted } from "../host/types/ListenerDraft";
import type { ListenerRow } from "../host/types/ListenerRow";
import type { App } from "./app.svelte";
import { ListenerDraft, Listeners, type Written } from "./listeners.svelte";
import { hostOf, stage } from "./testing";

const written: Wanted = { kind: "tls", address: null, port: 8883, access: null, certificate: null, key: null };
const main: ListenerRow = { kind: "tcp", source: { from: "port", port: 1883, fixed: false }, clients: 2, sockets: [] };

let rows: ListenerRow[];
let calls: unknown[][];
let questions: { title: string; body: readonly string[] }[];
let agree: boolean;
let taken: number;
let app: App;

const row = (clients: number): Written => ({ place: 1, written, clients });

beforeEach(() => {
  stage();
  rows = [main, { kind: "tls", source: { from: "table", place: 1, written }, clients: 0, sockets: [] }];
  calls = [];
  questions = [];
  agree = true;
  taken = 0;
  app = {
    paused: false,
    host: hostOf({
      listenerRows: async () => rows,
      addListener: async (listener) => {
        if (listener.port === taken) throw { what: "The listener was not opened", why: "taken", action: "" };
        calls.push(["add", listener]);
      },
      changeListener: async (...change) => void calls.push(["change", ...change]),
      setPort: async (was, port) => {
        if (port === taken) throw { what: "The port was not changed", why: "taken", action: "" };
        calls.push(["port", was, port]);
      },
      removeListener: async (...which) => void calls.push(["remove", ...which]),
    }),
    dialogs: {
      confirm: async (question: { title: string; body: readonly string[] }) => {
        questions.push(question);
        return agree;
      },
    },
    toasts: { say() {} },
  } as unknown as App;
});
afterEach(() => vi.useRealTimers());

test("the port follows the kind until it is another than the usual one", () => {
  const draft = new ListenerDraft();
  expect([draft.kind, draft.port]).toEqual(["tls", "8883"]);
  draft.setKind("web_socket");
  expect(draft.port).toBe("8083");
  draft.port = "9001";
  draft.setKind("tcp");
  expect(draft.port).toBe("9001");
});

test("of the main listener only the port is set, and a port that is taken is said where it was written", async () => {
  const listeners = new Listeners(app);
  taken = 1884;
  listeners.edit({ port: 1883, clients: 2 });
  const { draft } = listeners;
  expect([draft?.port, draft?.kind]).toEqual(["1883", "tcp"]);
  draft!.port = "1884";
  await listeners.save();
  expect([listeners.draft, draft?.fault?.why]).toEqual([draft, "taken"]);
  draft!.port = "0";
  await listeners.save();
  expect(calls).toEqual([]);
  draft!.port = "1885";
  await listeners.save();
  expect(calls).toEqual([["port", 1883, 1885]]);
  expect(listeners.draft).toBeUndefined();
});

test("what is wrong is said, and not sent", async () => {
  const listeners = new Listeners(app);
  listeners.add();
  const draft = listeners.draft!;
  for (const port of ["0", "65536", "8883x", "-1", "1.5"]) {
    draft.port = port;
    expect(draft.portError, port).toBeDefined();
  }
  draft.port = " 8885 ";
  draft.ownFiles = true;
  draft.certificate = "desk.pem";
  await listeners.save();
  expect([draft.certificateError, draft.keyError, calls]).toEqual([
    "Write the whole path of a PEM file.",
    "Write the whole path of a PEM file.",
    [],
  ]);
  // What a kind has no use for is neither wrong nor sent.
  draft.setKind("tcp");
  await listeners.save();
  expect(calls).toEqual([["add", { ...written, kind: "tcp", port: 8885 }]]);
});

test("what the broker refuses stays in the dialog", async () => {
  taken = 8883;
  const listeners = new Listeners(app);
  listeners.add();
  await listeners.save();
  expect(listeners.draft?.fault?.why).toBe("taken");
  listeners.draft!.port = "8884";
  await listeners.save();
  expect(listeners.draft).toBeUndefined();
});

test("letting anyone in, and turning out who came, are asked about", async () => {
  agree = false;
  const listeners = new Listeners(app);
  listeners.edit(row(3));
  listeners.draft!.access = "anyone";
  await listeners.save();
  listeners.draft!.access = "password";
  await listeners.save();
  expect(questions.map(({ title }) => title)).toEqual([
    "Let anyone on your network connect here?",
    "Ask for a password here?",
  ]);
  expect(calls).toEqual([]);
  listeners.draft!.access = "";
  listeners.draft!.address = " 192.168.1.7 ";
  await listeners.save();
  expect(questions).toHaveLength(2);
  expect(calls).toEqual([["change", 1, written, { ...written, address: "192.168.1.7" }]]);
});

test("closing a listener says who came through it, and that it is the only one", async () => {
  const listeners = new Listeners(app);
  const close = listeners.feed.open();
  await vi.advanceTimersByTimeAsync(1);
  await listeners.remove(row(2));
  expect(questions[0]!.title).toBe("Close MQTT over TLS on port 8883?");
  expect(questions[0]!.body[0]).toMatch(/^2 clients came through it/);
  rows = [rows[1]!];
  await vi.advanceTimersByTimeAsync(5000);
  agree = false;
  await listeners.remove(row(0));
  expect(questions[1]!.title).toBe("Close the only way in?");
  expect(calls).toEqual([["remove", 1, written]]);
  close();
});
