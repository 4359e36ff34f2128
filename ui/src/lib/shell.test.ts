import { describe, expect, it } from "vitest";
import { axisNumber, niceMax, timeSteps } from "../parts/chart";
import { parts } from "./highlight";
import { hold } from "./hold";
import { repairLocale } from "./locale";

describe("the end of an axis", () => {
  it.each([
    [0, 4],
    [-1, 4],
    [Number.NaN, 4],
    [3.9, 4],
    [4, 8],
    [31_052, 40_000],
    [9_800, 10_000],
    [101, 200],
    [0.03, 0.04],
  ])("for %d is %d", (max, end) => expect(niceMax(max)).toBeCloseTo(end, 9));

  it("is above every value, in four round steps", () => {
    for (let n = 1; n < 2_000_000; n = n * 1.3 + 1) {
      const end = niceMax(n);
      expect(end).toBeGreaterThan(n);
      expect(end).toBeLessThanOrEqual(n * 2.6 + 1);
      expect(axisNumber(end / 4).length).toBeLessThanOrEqual(6);
    }
  });
});

describe("numbers at an axis", () => {
  it.each([
    [0, "0"],
    [2.5, "2.5"],
    [750, "750"],
    [2500, "2.5 k"],
    [10_000, "10 k"],
    [1_500_000, "1.5 M"],
  ])("%d is %s", (n, text) => expect(axisNumber(n)).toBe(text));
  it("steps in time ascend, and one divides a day", () => {
    expect([...timeSteps].sort((a, b) => a - b)).toEqual(timeSteps);
    expect(timeSteps.at(-1)).toBe(86_400_000);
  });
});

describe("highlighting", () => {
  const marked = (text: string, wanted: string) =>
    parts(text, wanted).map((part) => (part.hit ? `[${part.text}]` : part.text));
  it("marks every hit, whatever its case", () => {
    expect(marked("a/Press-04/press", "press").join("")).toBe("a/[Press]-04/[press]");
    expect(marked("aaa", "aa").join("")).toBe("[aa]a");
  });
  it("marks nothing where nothing is wanted, or where cases differ in length", () => {
    expect(marked("abc", "")).toEqual(["abc"]);
    expect(marked("İstanbul", "i")).toEqual(["İstanbul"]);
  });
});

describe("rows that are held", () => {
  const rows = (...names: string[]) => names.map((name, rate) => ({ name, rate }));
  const key = (row: { name: string }) => row.name;
  it("are the fresh ones while nothing holds them", () => {
    const fresh = rows("b", "a");
    expect(hold(rows("a", "b"), fresh, key, false)).toBe(fresh);
    expect(hold([], fresh, key, true)).toBe(fresh);
  });
  it("keep their order and get their new contents", () => {
    const shown = hold(rows("a", "b", "gone"), rows("b", "a", "new"), key, true);
    expect(shown).toEqual([
      { name: "a", rate: 1 },
      { name: "b", rate: 0 },
      { name: "gone", rate: 2 },
    ]);
  });
});

describe("the language", () => {
  it.each(["C", "POSIX", "", "en_US.UTF-8"])("%j is repaired", (language) => {
    const navigator = { language, languages: [language] } as unknown as Navigator;
    repairLocale(navigator);
    expect(() => new Intl.NumberFormat(navigator.language)).not.toThrow();
    expect(navigator.languages).toEqual([navigator.language]);
  });
  it("stays as it is where it is one", () => {
    const navigator = { language: "de-AT", languages: ["de-AT", "en"] } as unknown as Navigator;
    repairLocale(navigator);
    expect(navigator.languages).toEqual(["de-AT", "en"]);
  });
});
