// Topic Names and Topic Filters: what is valid (MQTT 5.0, section 4.7) and what matches. Errors are sentences for the
// space below a field.

/** The two bytes before every UTF-8 string in MQTT count no further. */
const MAX_BYTES = 65_535;

export function hasWildcard(text: string): boolean {
  return /[+#]/.test(text);
}

/** What is wrong with a Topic Filter, or null. */
export function filterError(filter: string): string | null {
  const error = stringError(filter, "filter");
  if (error) return error;
  const levels = filter.split("/");
  if (levels[0] === "$share") {
    if (levels.length < 3 || levels[1] === "") return "A shared filter is written $share/group/filter.";
    if (hasWildcard(levels[1]!)) return "The group of a shared filter takes no + and no #.";
    if (levels.length === 3 && levels[2] === "") return "Write the filter after the group: $share/group/filter.";
  }
  for (const [i, level] of levels.entries()) {
    if (level.includes("#")) {
      if (level !== "#") return `# stands alone between slashes: “${shorten(level)}” mixes it with other characters.`;
      if (i !== levels.length - 1) return "# stands only at the end, as in factory/#.";
    }
    if (level.includes("+") && level !== "+") {
      return `+ stands alone between slashes: “${shorten(level)}” mixes it with other characters.`;
    }
  }
  return null;
}

/** What is wrong with a Topic Name to publish to, or null. */
export function topicError(topic: string): string | null {
  const error = stringError(topic, "topic");
  if (error) return error;
  const wildcard = /[+#]/.exec(topic);
  return wildcard ? `A topic to publish to takes no ${wildcard[0]}: wildcards are for subscriptions.` : null;
}

function stringError(text: string, what: string): string | null {
  if (text === "") return `Write a ${what}.`;
  if (text.includes("\0")) return `A ${what} takes no NUL character.`;
  // A lone surrogate has no UTF-8.
  if (/\p{Surrogate}/u.test(text)) return `The ${what} holds half of a character.`;
  if (text.length > MAX_BYTES / 3 && new TextEncoder().encode(text).length > MAX_BYTES) {
    return `A ${what} takes at most 65,535 bytes.`;
  }
  return null;
}

/** Whether a Topic Name matches a valid Topic Filter. */
export function matches(filter: string, topic: string): boolean {
  let levels = filter.split("/");
  if (levels[0] === "$share") levels = levels.slice(2);
  const names = topic.split("/");
  // Topics that begin with $ are the broker's own; a wildcard in front does not mean them.
  if (topic.startsWith("$") && (levels[0] === "+" || levels[0] === "#")) return false;
  for (const [i, level] of levels.entries()) {
    if (level === "#") return true;
    const name = names[i];
    if (name === undefined) return false;
    if (level !== "+" && level !== name) return false;
  }
  return names.length === levels.length;
}

/** The paths above a topic, the top first: "a", "a/b" for "a/b/c". */
export function ancestors(topic: string): string[] {
  const out: string[] = [];
  for (let at = topic.indexOf("/"); at !== -1; at = topic.indexOf("/", at + 1)) out.push(topic.slice(0, at));
  return out;
}

function shorten(text: string): string {
  return text.length > 24 ? `${text.slice(0, 24)}…` : text;
}
