import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fakeHost, type FakeHost } from "../host/fake";
import { AccessSwitch } from "./access.svelte";
import { App } from "./app.svelte";
import { Palette } from "./palette.svelte";

let host: FakeHost;
let app: App;
let root: { dataset: Record<string, string> };
let darkSystem: {
  matches: boolean;
  addEventListener: (name: string, then: (event: { matches: boolean }) => void) => void;
};
let tellSystem: (dark: boolean) => void;

beforeEach(() => {
  vi.useFakeTimers();
  root = { dataset: {} };
  darkSystem = { matches: true, addEventListener: (_, then) => (tellSystem = (dark) => then({ matches: dark })) };
  vi.stubGlobal("document", Object.assign(new EventTarget(), { hidden: false, documentElement: root }));
  vi.stubGlobal("matchMedia", () => darkSystem);
  host = fakeHost(new URLSearchParams("access=this_computer"));
  app = new App(host);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const settle = () => vi.advanceTimersByTimeAsync(0);

describe("the app", () => {
  it("leaves a wish for the screen that it goes to, which takes it once", () => {
    app.openTopic("a/b");
    expect(app.screen).toBe("topics");
    expect(app.take("clients")).toBeUndefined();
    expect(app.take("topics")).toEqual({ topic: "a/b" });
    expect(app.take("topics")).toBeUndefined();
  });

  it("drops the wish when the user goes somewhere else", () => {
    app.openTopic("a/b");
    app.go("history");
    app.go("topics");
    expect(app.take("topics")).toBeUndefined();
  });

  it("keeps a screen's model", () => {
    const made = app.keep("x", () => ({ n: 1 }));
    expect(app.keep("x", () => ({ n: 2 }))).toBe(made);
  });

  it("follows the system's theme until one is set", async () => {
    await app.start();
    expect(root.dataset.theme).toBe("dark");
    tellSystem(false);
    expect(root.dataset.theme).toBe("light");
    await app.setTheme("dark");
    expect(root.dataset.theme).toBe("dark");
    expect((await host.preferences()).theme).toBe("dark");
  });

  it("starts though the preferences cannot be read, and says so", async () => {
    host.failing.add("preferences");
    await app.start();
    expect(root.dataset.theme).toBe("dark");
    expect(app.complaint?.what).toBe("That did not work");
  });

  it("confirms a copy, or says why there is none", async () => {
    await app.copy("x", "Topic copied");
    expect(app.toasts.list.map(({ text }) => text)).toEqual(["Topic copied"]);
    host.failing.add("copy");
    await app.copy("y", "Topic copied");
    expect(app.complaint?.what).toBe("That did not work");
  });
});

describe("toasts", () => {
  it("are gone after five seconds", async () => {
    app.toasts.say("done");
    await vi.advanceTimersByTimeAsync(4900);
    expect(app.toasts.list).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(app.toasts.list).toHaveLength(0);
  });

  it("are few, and do not repeat themselves", () => {
    for (const text of ["a", "b", "b", "c", "d"]) app.toasts.say(text);
    expect(app.toasts.list.map(({ text }) => text)).toEqual(["b", "c", "d"]);
  });
});

describe("dialogs", () => {
  it("answer their question, and a newer question answers the older one with no", async () => {
    const question = { title: "Sure?", body: [], action: "Yes" };
    const first = app.dialogs.confirm(question);
    const second = app.dialogs.confirm(question);
    app.dialogs.answer(true);
    expect(await first).toBe(false);
    expect(await second).toBe(true);
    expect(app.dialogs.question).toBeUndefined();
  });
});

describe("who may connect", () => {
  it("asks before it opens, not before it closes", async () => {
    const access = new AccessSwitch(app);
    const opening = access.choose("anyone");
    expect(app.dialogs.question?.title).toBe("Let anyone on your network connect?");
    app.dialogs.answer(true);
    await opening;
    expect(app.running?.access).toBe("anyone");
    await access.choose("this_computer");
    expect(app.dialogs.question).toBeUndefined();
    expect(app.running?.access).toBe("this_computer");
  });

  it("makes a first login before it lets devices in with one, and forgets nothing that was made", async () => {
    const access = new AccessSwitch(app);
    await access.choose("password");
    const account = access.account!;
    const generated = account.password;
    expect(generated).toHaveLength(20);
    await account.regenerate();
    expect(account.password).not.toBe(generated);
    account.name = "a:b";
    account.password = "";
    await account.submit();
    expect(account.errors.name).toContain("no colon");
    expect(account.errors.password).toContain("empty");
    expect(host.calls.get("setAccess")).toBeUndefined();
    account.name = "tv";
    account.password = "secret";
    await account.submit();
    expect(account.made).toEqual({ name: "tv", password: "secret" });
    expect(access.login).toEqual({ name: "tv", password: "secret" });
    expect(app.running?.access).toBe("password");
    await account.submit();
    expect(host.calls.get("addAccount")).toBe(2);
  });

  it("shows the password of an account that was made, even where nobody is let in", async () => {
    const access = new AccessSwitch(app);
    await access.choose("password");
    host.failing.add("setAccess");
    await access.account!.submit();
    expect(access.account!.made?.name).toBe("devices");
    expect(access.account!.fault?.what).toBe("That did not work");
  });

  it("names whose logins count where there are some, and asks", async () => {
    for (const name of ["a", "b", "c", "d", "e"]) await host.addAccount(name, "x");
    const access = new AccessSwitch(app);
    const opening = access.choose("password");
    await vi.waitFor(() => expect(app.dialogs.question?.body[0]).toContain("a, b, c and 2 others"));
    app.dialogs.answer(true);
    await opening;
    expect(access.account).toBeUndefined();
    expect(app.running?.access).toBe("password");
  });

  it("changes nothing without a yes", async () => {
    const access = new AccessSwitch(app);
    const opening = access.choose("anyone");
    app.dialogs.answer(false);
    await opening;
    expect(host.calls.get("setAccess")).toBeUndefined();
  });

  it("keeps the fault beside the switch", async () => {
    host.failing.add("setAccess");
    const access = new AccessSwitch(app);
    await access.choose("this_computer");
    expect(access.fault?.what).toBe("That did not work");
    expect(access.busy).toBe(false);
    expect(app.complaint).toBeUndefined();
  });
});

describe("the palette", () => {
  const screens = [
    { name: "overview", title: "Overview" },
    { name: "topics", title: "Topics" },
    { name: "publish", title: "Publish" },
  ] as const;
  const titles = (palette: Palette) => palette.groups.map(({ title }) => title);

  it("offers commands before anything is typed", () => {
    const palette = new Palette(app, screens);
    expect(titles(palette)).toEqual(["Commands"]);
    expect(palette.selected?.label).toBe("Go to Overview");
  });

  it("finds topics and clients, and what can be done with the first topic", async () => {
    const palette = new Palette(app, screens);
    palette.type("press-04");
    await vi.advanceTimersByTimeAsync(100);
    expect(titles(palette)).toEqual(["Topics", "Clients", "Commands"]);
    expect(palette.selected?.label).toBe("factory/line-2/press-04");
    expect(palette.entries.map(({ label }) => label)).toContain("Publish to factory/line-2/press-04");
    // No screen, no command.
    expect(palette.entries.some(({ label }) => label.startsWith("Retained under"))).toBe(false);
    palette.publish();
    expect(app.take("publish")).toEqual({ topic: "factory/line-2/press-04" });
  });

  it("asks one question at a time, and the last one last", async () => {
    const slow = fakeHost(new URLSearchParams("delay=500"));
    const palette = new Palette(new App(slow), screens);
    palette.type("fact");
    await vi.advanceTimersByTimeAsync(100);
    palette.type("zigbee");
    await vi.advanceTimersByTimeAsync(300);
    expect(slow.calls.get("find")).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(slow.calls.get("find")).toBe(2);
    expect(palette.selected?.label).toBe("zigbee2mqtt");
  });

  it("goes round with the arrows", async () => {
    const palette = new Palette(app, screens);
    palette.type("theme");
    await settle();
    const { length } = palette.entries;
    expect(length).toBe(3);
    palette.move(-1);
    expect(palette.selected?.label).toBe("Theme: Dark");
    palette.move(1);
    expect(palette.selected?.label).toBe("Theme: As the system");
  });
});
