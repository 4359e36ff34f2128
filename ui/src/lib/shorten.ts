// Names that devices chose, cut to a length that a sentence can bear. By code points: half of a character is none.

export function shorten(text: string, length: number): string {
  const characters = [...text];
  return characters.length > length ? `${characters.slice(0, length - 1).join("")}…` : text;
}
