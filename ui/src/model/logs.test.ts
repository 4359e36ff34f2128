import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { LogLevel } from "../host/types/LogLevel";
import type { LogQuery } from "../host/types/LogQuery";
import type { LogRow } from "../host/types/LogRow";
import type { App } from "./app.svelte";
import { Logs, shortTarget } from "./logs.svelte";
import { hostOf, stage } from "./testing";

let queries: LogQuery[];
let newest: number;
let set: LogLevel[];
let failing: boolean;
let model: Logs;
let close: () => void;

function record(id: number): LogRow {
  return {
    id,
    at: id * 1000,
    level: id % 3 === 0 ? "warn" : "info",
    target: "nightjar_broker::shared",
    client: null,
    text: `number ${id}`,
    fields: [],
    line: `line ${id}`,
  };
}

beforeEach(() => {
  stage();
  queries = [];
  newest = 500;
  set = [];
  failing = false;
  const app = {
    paused: false,
    host: hostOf({
      logRows: async (query) => {
        queries.push(query);
        const all = Array.from({ length: newest }, (_, i) => record(newest - i)).filter(
          ({ level, text }) => (query.level === null || level === query.level) && text.includes(query.text),
        );
        const rows = all.filter(({ id }) => query.up_to === null || id <= query.up_to);
        return {
          total: rows.length,
          first: query.first,
          rows: rows.slice(query.first, query.first + query.count),
          newer: all.length - rows.length,
          newest,
          forgotten: 0,
          level: set.at(-1) ?? "info",
          file: null,
        };
      },
      setLogLevel: async (level) => {
        set.push(level);
        if (failing) throw { what: "not remembered", why: "read-only", action: "" };
      },
    }),
  } as unknown as App;
  model = new Logs(app);
  close = model.feed.open();
});
afterEach(() => {
  close();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(600);

test("without a hold the newest come in at the top", async () => {
  await settle();
  expect(model.row(0)?.id).toBe(500);
  newest = 510;
  await settle();
  expect(model.row(0)?.id).toBe(510);
  expect(model.newer).toBe(0);
  expect(queries.at(-1)?.up_to).toBeNull();
});

test.each<[string, () => void, () => void]>([
  ["selected", () => model.select(3), () => model.deselect()],
  ["hovered", () => model.hover(true), () => model.hover(false)],
  ["scrolled", () => model.show(8, 20), () => model.show(0, 20)],
  ["off", () => model.setLive(false), () => model.setLive(true)],
])("while it is %s the list stands still, counts what is new, and then goes on", async (hold, begin, end) => {
  await settle();
  begin();
  expect(model.hold).toBe(hold);
  newest = 507;
  await settle();
  expect(model.row(0)?.id ?? model.feed.data?.rows[0]?.id).toBe(500 - (model.feed.data?.first ?? 0));
  expect(model.total).toBe(500);
  expect(model.newer).toBe(7);
  end();
  await settle();
  expect(model.row(0)?.id).toBe(507);
  expect(model.newer).toBe(0);
});

test("a second hold does not move what the first one held", async () => {
  await settle();
  model.hover(true);
  newest = 503;
  await settle();
  model.select(0);
  model.hover(false);
  newest = 506;
  await settle();
  expect(model.row(0)?.id).toBe(500);
  expect(model.newer).toBe(6);
  model.catchUp();
  await settle();
  expect(model.row(0)?.id).toBe(506);
  expect(model.selected).toBeUndefined();
});

test("the selected record stays in the inspector when a filter moves or hides it", async () => {
  await settle();
  model.select(4);
  expect(model.selected?.id).toBe(496);
  model.setText("6");
  await settle();
  expect(model.row(model.index)?.id).toBe(496);
  model.setText("499");
  await settle();
  expect(model.index).toBe(-1);
  expect(model.selected?.id).toBe(496);
  expect(model.canStep(1)).toBe(false);
  model.setText("");
  model.setShown("warn");
  await settle();
  expect(queries.at(-1)).toMatchObject({ level: "warn", text: "" });
});

test("a record that is far away is selected once it is there", async () => {
  await settle();
  model.select(300);
  expect(model.selected).toBeUndefined();
  model.show(290, 20);
  await settle();
  expect(model.selected?.id).toBe(200);
  model.step(1);
  expect(model.selected?.id).toBe(199);
  expect(model.index).toBe(301);
});

test("the level is set, and a failure to remember it is said", async () => {
  await settle();
  await model.record("debug");
  await settle();
  expect(model.feed.data?.level).toBe("debug");
  expect(model.fault).toBeUndefined();
  failing = true;
  await model.record("trace");
  expect(model.fault?.why).toBe("read-only");
});

test("our crates lose their first name", () => {
  expect(["nightjar_broker::shared", "nightjar::engine", "rustls::conn"].map(shortTarget)).toEqual([
    "broker::shared",
    "nightjar::engine",
    "rustls::conn",
  ]);
});
