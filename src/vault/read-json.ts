import { isExactNumber } from './decimal.ts';
import { type JsonTextFlaw, JsonScan } from './json-scan.ts';
import { endOfNumber, endOfString, findMarkBeyond, hasEscapedName, jsonUnits, startsNumber } from './json-tokens.ts';
import { isJsonObject, type JsonValue } from './json.ts';
import { limits } from './limits.ts';

const { quote, colon, openBracket, openBrace, closeBracket, closeBrace } = jsonUnits;

/** A JSON text that was read. */
export interface ReadJson {
  readonly value: JsonValue;
  /** Where the value is not all that was sent, if it is not. */
  readonly flaw: JsonTextFlaw | undefined;
}

/**
 * Parses a JSON text of a request. What JSON.parse drops or changes in silence is a flaw: a member that an object has twice (in
 * whatever escaped spelling), and a number that a double cannot hold. Linear in the text; an ordinary text costs one pass
 * without allocations and a count of the value's members beside JSON.parse itself. A text of more than `limits.jsonMarks` is not
 * parsed, since its value would take many times as much memory and time as the text; its value is then null.
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
 * Parses a JSON text that was written by this process or by the database.
 *
 * The JSON.parse of V8 13.6 confuses a name that is written with an escape, such as `x\"`, with the name `x\` where an object of
 * the same names before it has been seen anywhere in the process: names with escapes are read without it.
 *
 * @throws SyntaxError
 */
export function parseJson(text: string): JsonValue {
  const value: JsonValue = JSON.parse(text);
  return hasEscapedName(text) ? readWhole(text).value : value;
}

/** The names in the text; undefined where it is too deep, or holds a number that a double cannot. */
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

/** How many members all objects of a value have; the value is at most `limits.jsonDepth` deep. */
function countMembers(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (!isJsonObject(value)) {
    for (const item of value) if (typeof item === 'object') members += countMembers(item);
    return members;
  }
  // Of an object with many members, the names come at a third of the cost of the values.
  const names = Object.keys(value);
  for (const name of names) {
    const member = value[name];
    if (typeof member === 'object') members += countMembers(member);
  }
  return members + names.length;
}
