import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ClientDetail } from "../host/types/ClientDetail";
import type { ClientQuery } from "../host/types/ClientQuery";
import type { ClientRow } from "../host/types/ClientRow";
import type { App } from "./app.svelte";
import { Clients, expiryOf, fateOf } from "./clients.svelte";
import { hostOf, stage } from "./testing";

function clientRow(client: string, more: Partial<ClientRow> = {}): ClientRow {
  return {
    client,
    connected: true,
    version: "5.0",
    address: "192.168.1.7:50411",
    user_name: null,
    since: 0,
    rate_in: 0,
    rate_out: 0,
    messages_in: 0,
    messages_out: 0,
    bytes_in: 0,
    bytes_out: 0,
    subscriptions: 0,
    inflight: 0,
    queued: 0,
    queued_bytes: 0,
    dropped: 0,
    is_window: false,
    ...more,
  };
}

function clientDetail(client: string, more: Partial<ClientDetail> = {}): ClientDetail {
  return {
    row: clientRow(client),
    keep_alive: 60,
    clean_start: true,
    session_expiry_interval: 0,
    receive_maximum: 20,
    will: null,
    last_disconnect: null,
    subscriptions: ["a/1", "a/2", "b/1"].map((filter) => ({
      filter,
      qos: 0,
      no_local: false,
      retain_as_published: false,
      identifier: null,
    })),
    timeline: [],
    ...more,
  };
}

let queries: ClientQuery[];
let disconnected: string[];
let questions: { title: string; body: readonly string[] }[];
let said: string[];
let agree: boolean;
let fail: boolean;
let model: Clients;
let close: (() => void)[];

beforeEach(() => {
  stage();
  queries = [];
  disconnected = [];
  questions = [];
  said = [];
  agree = true;
  fail = false;
  const app = {
    paused: false,
    host: hostOf({
      clientRows: async (query) => {
        queries.push(query);
        const all = ["meter", "phone", "tablet"]
          .filter((name) => name.includes(query.filter))
          .map((name) => clientRow(name));
        return {
          total: all.length,
          connected: 3,
          away: 0,
          first: query.first,
          rows: all.slice(query.first, query.first + query.count),
        };
      },
      clientDetail: async (client) => clientDetail(client),
      disconnectClient: async (client) => {
        if (fail) throw { what: "The client was not disconnected", why: "It is not connected", action: "" };
        disconnected.push(client);
      },
    }),
    dialogs: {
      confirm: async (question: (typeof questions)[number]) => {
        questions.push(question);
        return agree;
      },
    },
    toasts: { say: (text: string) => said.push(text) },
  } as unknown as App;
  model = new Clients(app);
  close = [model.table.feed.open()];
});
afterEach(() => {
  for (const end of close) end();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(300);

/** As the screen does after each change of the selection. */
async function select(index: number) {
  model.table.select(index);
  model.follow(model.table.selected);
  close.push(model.detail.open());
  await settle();
}

test("what the user asks for is what the host is asked for", async () => {
  await settle();
  model.setFilter("e");
  model.setOnlyConnected(true);
  model.setSort("rate_in", true);
  await settle();
  expect(queries.at(-1)).toMatchObject({ filter: "e", only_connected: true, sort: "rate_in", descending: true });
});

test("another client begins with its own search and without the other's failure", async () => {
  await settle();
  await select(0);
  model.search = "a/";
  fail = true;
  await model.disconnect();
  expect(model.fault?.why).toBe("It is not connected");
  expect(model.subscriptions.map(({ filter }) => filter)).toEqual(["a/1", "a/2"]);
  await select(1);
  expect(model.search).toBe("");
  expect(model.fault).toBeUndefined();
  expect(model.shown?.row.client).toBe("phone");
});

test("disconnecting names the client, asks, and says that it is done", async () => {
  await settle();
  await select(2);
  agree = false;
  await model.disconnect();
  expect(disconnected).toEqual([]);
  agree = true;
  await model.disconnect();
  expect(questions[1]?.title).toBe("Disconnect tablet?");
  expect(disconnected).toEqual(["tablet"]);
  expect(said).toEqual(["tablet disconnected"]);
});

test("coming from another screen drops what would hide the client", async () => {
  await settle();
  model.setFilter("meter");
  model.setOnlyConnected(true);
  const at = await model.open("phone");
  expect(at).toBe(1);
  expect(model.filter).toBe("");
  expect(model.onlyConnected).toBe(false);
  expect(model.table.selected).toBe("phone");
});

test.each<[Partial<ClientDetail>, RegExp]>([
  [{ session_expiry_interval: 0 }, /ends with the connection, and its 3 subscriptions/],
  [{ session_expiry_interval: 0, subscriptions: [] }, /ends with the connection\.$/],
  [{ session_expiry_interval: 86_400 }, /kept for 1 d/],
  [{ session_expiry_interval: null }, /until it comes back/],
  [{ row: clientRow("w", { is_window: true }) }, /this window's own connection/],
])("what becomes of its session: %j", (more, sentence) => {
  expect(fateOf(clientDetail("x", more))).toMatch(sentence);
});

test("when a session expires, in words", () => {
  expect([null, 0, 3600].map(expiryOf)).toEqual(["Never", "With the connection", "1 h after the connection"]);
});
