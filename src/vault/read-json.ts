import { isExactNumber } from './decimal.ts';
import { type JsonTextFlaw, JsonScan } from './json-scan.ts';
import {
  endOfNumber,
  endOfString,
  findMarkBeyond,
  hasEscapedName,
  closeBrace,
  closeBracket,
  colon,
  openBrace,
  openBracket,
  quote,
  startsNumber,
} from './json-tokens.ts';
import { isJsonObject, type JsonValue } from './json.ts';
import { limits } from './limits.ts';

/** The result of reading a JSON text. */
export interface ReadJson {
  readonly value: JsonValue;
  /** Where the value differs from what was sent, if it does. */
  readonly flaw: JsonTextFlaw | undefined;
}

/**
 * Parses the JSON text of a request. What JSON.parse silently drops or changes is a flaw: a duplicate member of an object (even
 * if one is written with escapes), and a number that a double cannot represent exactly. Linear in the text: besides JSON.parse,
 * an ordinary text costs one pass without allocations and a count of the value's members. A text with more than
 * `limits.jsonMarks` is not parsed, because its value would need many times its memory; the value is then null.
 *
 * @throws SyntaxError
 * @see https://www.rfc-editor.org/rfc/rfc7493
 */
export function readJson(text: string): ReadJson {
  const offset = text.length > limits.jsonMarks ? findMarkBeyond(text, limits.jsonMarks) : undefined;
  return offset === undefined ? readWhole(text) : { value: null, flaw: { rule: 'too_many_values', offset, path: [] } };
}

function readWhole(text: string): ReadJson {
  const value: JsonValue = JSON.parse(text);
  if (!hasEscapedName(text)) {
    const names = countNames(text);
    if (names !== undefined && names === countMembers(value)) return { value, flaw: undefined };
  }
  const scan = new JsonScan(text);
  const flaw = scan.run();
  return { value: flaw ? value : scan.value, flaw };
}

/**
 * Parses a JSON text that this process or the database has written.
 *
 * JSON.parse of V8 13.6 confuses a name that contains an escape, such as `x\"`, with the name `x\` if the process has parsed an
 * object with the same names before it. Texts with such names are read without JSON.parse.
 *
 * @throws SyntaxError
 */
export function parseJson(text: string): JsonValue {
  const value: JsonValue = JSON.parse(text);
  return hasEscapedName(text) ? readWhole(text).value : value;
}

/** The number of names in the text; undefined if it is too deep, or has a number that a double cannot represent. */
function countNames(text: string): number | undefined {
  let names = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === quote) at = endOfString(text, at) - 1;
    else if (unit === colon) names += 1;
    else if (startsNumber(unit)) {
      const end = endOfNumber(text, at);
      if (!isExactNumber(text.slice(at, end))) return undefined;
      at = end - 1;
    } else if (unit === openBrace || unit === openBracket) {
      depth += 1;
      if (depth > limits.jsonDepth) return undefined;
    } else if (unit === closeBrace || unit === closeBracket) depth -= 1;
  }
  return names;
}

/** The number of members of all objects in a value, which is at most `limits.jsonDepth` deep. */
function countMembers(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (!isJsonObject(value)) {
    for (const item of value) if (typeof item === 'object') members += countMembers(item);
    return members;
  }
  // For an object with many members, Object.keys costs a third of Object.values.
  const names = Object.keys(value);
  for (const name of names) {
    const member = value[name];
    if (typeof member === 'object') members += countMembers(member);
  }
  return members + names.length;
}
