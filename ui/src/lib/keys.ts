// Keys: what was pressed, by one name each, and the list that "?" shows.

/** "Ctrl+Shift+K", "ArrowDown", "/": the same name on every keyboard. Meta counts as Ctrl, for keyboards that have both. */
export function chord(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">): string {
  const { key } = event;
  const single = [...key].length === 1;
  const parts: string[] = [];
  if (event.ctrlKey || event.metaKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  // Shift is already in "?" or "K"; it is named only where it changes nothing else.
  if (event.shiftKey && (!single || key === " " || /\p{L}/u.test(key))) parts.push("Shift");
  parts.push(key === " " ? "Space" : single ? key.toUpperCase() : key);
  return parts.join("+");
}

/** Whether keys typed there are text: a letter must not become a command. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true;
  return (
    target instanceof HTMLInputElement && !["checkbox", "radio", "button", "range", "submit"].includes(target.type)
  );
}

export type KeyHelp = { keys: string; what: string };

export const KEYS: readonly { title: string; keys: readonly KeyHelp[] }[] = [
  {
    title: "Everywhere",
    keys: [
      { keys: "Ctrl K", what: "Find a topic, client or command" },
      { keys: "Ctrl 1 … 9", what: "Go to a screen" },
      { keys: "/", what: "Filter what is shown" },
      { keys: "Space", what: "Pause the view, or let it go on" },
      { keys: "Esc", what: "Close, then clear the selection" },
      { keys: "?", what: "Show these keys" },
    ],
  },
  {
    title: "Topics and messages",
    keys: [
      { keys: "↑ ↓", what: "Next row" },
      { keys: "→ ←", what: "Unfold or fold a level" },
      { keys: "J  K", what: "Older or newer message" },
      { keys: "Ctrl C", what: "Copy the topic or the payload" },
    ],
  },
  {
    title: "History",
    keys: [
      { keys: "Shift ↑ ↓", what: "Select a range" },
      { keys: "Ctrl Space", what: "Select one more, or one less" },
      { keys: "Ctrl A", what: "Select all that was found" },
      { keys: "Ctrl C", what: "Copy the selected messages as JSON Lines" },
    ],
  },
  {
    title: "Retained",
    keys: [
      { keys: "Space", what: "Tick the message" },
      { keys: "Shift ↑ ↓", what: "Tick a range" },
      { keys: "Ctrl A", what: "Tick all that match" },
      { keys: "Delete", what: "Clear what is ticked or selected" },
    ],
  },
  {
    title: "Logs",
    keys: [
      { keys: "J  K", what: "Older or newer record" },
      { keys: "Ctrl C", what: "Copy the record as a line" },
    ],
  },
  { title: "Publish", keys: [{ keys: "Ctrl Enter", what: "Publish the message" }] },
];
