// As much of conditions on JSON payloads as tests ask for; the real one is Rust's.

const CONDITION = /^(\$(?:\.\w+)*)\s*(?:(>=|<=|>|<|==?|!=)\s*(.+))?$/;

export function conditionError(condition: string): string | null {
  const text = condition.trim();
  if (text === "") return null;
  if (!text.startsWith("$")) return "A path begins with $, as in $.temperature (at character 1)";
  return CONDITION.test(text) ? null : "A comparison is missing: ==, !=, <, <=, >, >= or contains";
}

/** The value at `$.a.b`, undefined where there is none. */
export function valueAt(payload: string, path: string): unknown {
  try {
    const steps = path.split(".").slice(1);
    return steps.reduce<unknown>((value, name) => (value as Record<string, unknown>)?.[name], JSON.parse(payload));
  } catch {
    return undefined;
  }
}

export function isMet(payload: string, condition: string): boolean {
  const [, path = "$", comparison, literal = ""] = CONDITION.exec(condition.trim()) ?? [];
  const value = valueAt(payload, path);
  if (comparison === undefined) return value !== undefined;
  const wanted: unknown = JSON.parse(literal);
  if (comparison === "!=") return value !== undefined && value !== wanted;
  if (comparison.startsWith("=")) return value === wanted;
  if (typeof value !== "number" || typeof wanted !== "number") return false;
  if (comparison === ">") return value > wanted;
  if (comparison === ">=") return value >= wanted;
  return comparison === "<" ? value < wanted : value <= wanted;
}
