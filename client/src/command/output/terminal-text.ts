/** Control characters, also those of C1, and those that reverse the direction of a text. */
const unsafe = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** A text for one line of a terminal: control characters are escaped, so that no stored name can control the terminal. */
export function printable(text: string): string {
  return text.replaceAll(unsafe, escapeCharacter);
}

/** The same for a text of several lines. */
export function printableLines(text: string): string {
  return text.replaceAll(unsafe, (character) => (/[\n\t]/.test(character) ? character : escapeCharacter(character)));
}

/** JSON in which all that a terminal could obey is escaped; it parses to the same value. */
export function printableJson(value: unknown): string {
  return printableLines(JSON.stringify(value, undefined, 2));
}

/** JSON of one line, for streams of records. */
export function printableJsonLine(value: unknown): string {
  return printable(JSON.stringify(value));
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
