import { describe, expect, it } from "vitest";
import { shellWord, snippets } from "./snippets";

const odd = { name: 'tv "o\'clock"', password: "a'b\\c $HOME" };

describe("snippets", () => {
  it("name address and port in every one", () => {
    for (const { name, code } of snippets({ address: "10.0.0.7", port: 2883 })) {
      expect(code, name).toContain("10.0.0.7");
      expect(code, name).toContain("2883");
      expect(code, name).not.toContain("undefined");
    }
  });

  it("leave the usual port out where it is the default", () => {
    expect(snippets({ address: "127.0.0.1", port: 1883 })[0]?.code).not.toContain("-p");
  });

  it("log in where that is needed", () => {
    for (const { name, code } of snippets({ address: "a", port: 1, login: { name: "tv", password: "s3cret" } })) {
      expect(code, name).toContain("tv");
      expect(code, name).toContain("s3cret");
    }
  });

  it("put strange names and passwords as each language wants them", () => {
    const all = snippets({ address: "a", port: 1, login: odd });
    const code = (value: string) => all.find((snippet) => snippet.value === value)?.code;
    expect(code("mosquitto")).toContain(`-u 'tv "o'\\''clock"' -P 'a'\\''b\\c $HOME'`);
    for (const language of ["python", "arduino", "micropython", "node"]) {
      expect(code(language), language).toContain(`"tv \\"o'clock\\""`);
      expect(code(language), language).toContain(`"a'b\\\\c $HOME"`);
    }
    expect(code("home-assistant")).toContain(odd.password);
  });

  it("put IPv6 in brackets where it stands in a URL, and nowhere else", () => {
    const all = snippets({ address: "fd00::1", port: 1883 });
    expect(all.find(({ value }) => value === "node")?.code).toContain('"mqtt://[fd00::1]:1883"');
    expect(all[0]?.code).toContain("-h fd00::1 ");
  });

  it("look for the authority's certificate where the port is one of TLS", () => {
    for (const { name, code } of snippets({ address: "a", port: 8883, tls: true })) {
      expect(code, name).toContain("nightjar-ca.pem");
      expect(code, name).toContain("8883");
    }
  });

  it("are for browsers where the broker listens for them", () => {
    const reach = { address: "a", port: 1 };
    expect(snippets(reach).map(({ value }) => value)).not.toContain("browser");
    const browser = snippets({ ...reach, webSocket: "ws://a:8083/mqtt" }).at(-1);
    expect(browser?.code).toContain('mqtt.connect("ws://a:8083/mqtt")');
  });
});

describe("words of a shell", () => {
  it.each([
    ["plain-1.2", "plain-1.2"],
    ["", "''"],
    ["two words", "'two words'"],
    ["$(reboot)", "'$(reboot)'"],
    ["it's", "'it'\\''s'"],
  ])("%j is %s", (text, word) => expect(shellWord(text)).toBe(word));
});
