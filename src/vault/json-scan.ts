import { limits } from './limits.ts';
import { isExactNumber } from './decimal.ts';
import {
  endOfNumber,
  endOfString,
  closeBrace,
  closeBracket,
  colon,
  comma,
  openBrace,
  openBracket,
  quote,
  startsNumber,
} from './json-tokens.ts';
import type { JsonValue } from './json.ts';

/** An object or array that has not ended yet. */
interface Frame {
  /** The members so far; undefined for an array. */
  readonly members: Map<string, JsonValue> | undefined;
  readonly items: JsonValue[];
  /** The current member's name or index. */
  key: string | number;
}

/** Literals by their first character. */
const literals: ReadonlyMap<number, { readonly length: number; readonly value: JsonValue }> = new Map([
  [0x74, { length: 'true'.length, value: true }],
  [0x66, { length: 'false'.length, value: false }],
  [0x6e, { length: 'null'.length, value: null }],
]);

/** Reads a valid JSON text token by token up to its first flaw, in linear time and without recursion. */
export class JsonScan {
  /** The value; complete if `run` found no flaw. */
  value: JsonValue = null;
  readonly #text: string;
  readonly #frames: Frame[] = [];
  /** Whether the next string is a member's name. */
  #expectsName = false;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Returns the first flaw. */
  run(): JsonTextFlaw | undefined {
    while (this.#at < this.#text.length) {
      const flaw = this.#readToken(this.#text.charCodeAt(this.#at));
      if (flaw) return flaw;
    }
    return undefined;
  }

  #readToken(unit: number): JsonTextFlaw | undefined {
    if (unit === quote) return this.#readString();
    if (startsNumber(unit)) return this.#readNumber();
    if (unit === openBrace || unit === openBracket) return this.#open(unit === openBrace);
    const literal = literals.get(unit);
    if (literal) this.#add(literal.value);
    if (unit === closeBrace || unit === closeBracket) this.#close();
    if (unit === comma) this.#next();
    if (unit === colon) this.#expectsName = false;
    this.#at += literal?.length ?? 1;
    return undefined;
  }

  #open(isObject: boolean): JsonTextFlaw | undefined {
    if (this.#frames.length === limits.jsonDepth) return this.#flaw('too_deep');
    this.#frames.push({ members: isObject ? new Map() : undefined, items: [], key: isObject ? '' : 0 });
    this.#expectsName = isObject;
    this.#at += 1;
    return undefined;
  }

  #close(): void {
    const frame = this.#frames.pop();
    this.#expectsName = false;
    if (frame) this.#add(frame.members ? Object.fromEntries(frame.members) : frame.items);
  }

  #next(): void {
    const frame = this.#frames.at(-1);
    if (typeof frame?.key === 'number') frame.key += 1;
    else this.#expectsName = true;
  }

  #readString(): JsonTextFlaw | undefined {
    const end = endOfString(this.#text, this.#at);
    const text = decode(this.#text.slice(this.#at, end));
    const frame = this.#frames.at(-1);
    if (frame?.members && this.#expectsName) {
      frame.key = text;
      if (frame.members.has(text)) return this.#flaw('duplicate_member');
      frame.members.set(text, null);
    } else this.#add(text);
    this.#at = end;
    return undefined;
  }

  #readNumber(): JsonTextFlaw | undefined {
    const end = endOfNumber(this.#text, this.#at);
    const number = this.#text.slice(this.#at, end);
    if (!isExactNumber(number)) return this.#flaw('inexact_number');
    this.#add(Number(number));
    this.#at = end;
    return undefined;
  }

  #add(value: JsonValue): void {
    const frame = this.#frames.at(-1);
    if (!frame) this.value = value;
    else if (frame.members) frame.members.set(String(frame.key), value);
    else frame.items.push(value);
  }

  #flaw(rule: JsonTextRule): JsonTextFlaw {
    return { rule, offset: this.#at, path: this.#frames.map(({ key }) => key) };
  }
}

/** JSON.parse reads a single string correctly. @param token with its quotes */
function decode(token: string): string {
  return token.includes('\\') ? String(JSON.parse(token)) : token.slice(1, -1);
}

/** What the JSON text of a request must not contain: parsing would silently change it, or use too much memory or stack. */
export type JsonTextRule = 'duplicate_member' | 'inexact_number' | 'too_deep' | 'too_many_values';

/** A part of a JSON text that would not be stored as it was sent. */
export interface JsonTextFlaw {
  readonly rule: JsonTextRule;
  /** In characters from the start of the text. */
  readonly offset: number;
  /** Names and indexes from the root. */
  readonly path: readonly (string | number)[];
}

const complaints: Record<JsonTextRule, string> = {
  duplicate_member: 'is sent more than once',
  inexact_number: 'is a number that a double cannot hold exactly',
  too_deep: `is nested more than ${limits.jsonDepth} levels deep`,
  too_many_values: `has more than ${limits.jsonMarks} commas, colons and opening brackets`,
};

/** The most characters of a path in a message. */
const pathCharactersMax = 256;

/** The path of a flaw, such as `secret.nested.0`, cut to 256 characters; never a value. */
export function pathOfFlaw({ path }: JsonTextFlaw): string {
  if (path.length === 0) return 'body';
  const place = path.join('.').toWellFormed();
  return place.length <= pathCharactersMax ? place : `${place.slice(0, pathCharactersMax).toWellFormed()}…`;
}

/** Describes a flaw in one sentence, such as `metadata.limit is sent more than once`; never a value. */
export function describeTextFlaw(flaw: JsonTextFlaw): string {
  return `${pathOfFlaw(flaw)} ${complaints[flaw.rule]}`;
}
