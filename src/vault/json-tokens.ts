// UTF-16 units of JSON syntax
const space = 0x20;
export const quote = 0x22;
const plus = 0x2b;
export const comma = 0x2c;
const minus = 0x2d;
const dot = 0x2e;
export const digit0 = 0x30;
const digit9 = 0x39;
export const colon = 0x3a;
const capitalE = 0x45;
export const openBracket = 0x5b;
const backslash = 0x5c;
export const closeBracket = 0x5d;
const letterE = 0x65;
export const openBrace = 0x7b;
export const closeBrace = 0x7d;

/** Whether a number of a valid JSON text starts with this unit. */
export function startsNumber(unit: number): boolean {
  return unit === minus || isDigit(unit);
}

/** The index after the closing quote of the string that starts at `start` in a valid JSON text. */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end + 1;
}

/** Whether an odd number of backslashes precedes a quote. Each run of backslashes is read for one quote only. */
function isEscaped(text: string, at: number): boolean {
  let before = at;
  while (text.charCodeAt(before - 1) === backslash) before -= 1;
  return (at - before) % 2 === 1;
}

/** The index after the number that starts at `start` in a valid JSON text. */
export function endOfNumber(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && isOfNumber(text.charCodeAt(at))) at += 1;
  return at;
}

function isOfNumber(unit: number): boolean {
  return isDigit(unit) || unit === dot || unit === letterE || unit === capitalE || unit === plus || unit === minus;
}

function isDigit(unit: number): boolean {
  return unit >= digit0 && unit <= digit9;
}

/** Whether an object in a valid JSON text has a name that contains an escape. */
export function hasEscapedName(text: string): boolean {
  let escape = text.indexOf('\\');
  let start = escape < 0 ? -1 : text.indexOf('"');
  while (start >= 0) {
    const end = endOfString(text, start);
    if (escape < start) escape = text.indexOf('\\', start);
    if (escape < 0) return false;
    if (escape < end && isBeforeColon(text, end)) return true;
    start = text.indexOf('"', end);
  }
  return false;
}

/**
 * Finds the first structural character beyond so many: a comma, a colon or an opening bracket outside of strings. A text has at
 * most one more value than it has of these.
 *
 * @param text any text, JSON or not
 */
export function findMarkBeyond(text: string, marksMax: number): number | undefined {
  let marks = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === quote) {
      const end = endOfString(text, at);
      // The string does not end.
      if (end <= at) return undefined;
      at = end - 1;
    } else if (unit === comma || unit === colon || unit === openBracket || unit === openBrace) {
      marks += 1;
      if (marks > marksMax) return at;
    }
  }
  return undefined;
}

function isBeforeColon(text: string, end: number): boolean {
  let at = end;
  while (text.charCodeAt(at) <= space) at += 1;
  return text.charCodeAt(at) === colon;
}
