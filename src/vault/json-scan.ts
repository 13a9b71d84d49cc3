import { isExactNumber } from './decimal.ts';
import type { JsonTextFlaw, JsonTextRule } from './json-text-flaw.ts';
import { endOfNumber, endOfString, jsonUnits, startsNumber } from './json-tokens.ts';
import type { JsonValue } from './json.ts';
import { limits } from './limits.ts';

/** An object or array that is open. */
interface Frame {
  /** The members so far; undefined for an array. */
  readonly members: Map<string, JsonValue> | undefined;
  readonly items: JsonValue[];
  /** The present member's name or index. */
  key: string | number;
}

const { quote, comma, colon, openBracket, openBrace, closeBracket, closeBrace } = jsonUnits;

/** What a literal stands for, by its first character. */
const literals: ReadonlyMap<number, { readonly length: number; readonly value: JsonValue }> = new Map([
  [0x74, { length: 'true'.length, value: true }],
  [0x66, { length: 'false'.length, value: false }],
  [0x6e, { length: 'null'.length, value: null }],
]);

/** Reads a valid JSON text token by token, up to its first flaw; linear in the text, and at any depth without recursion. */
export class JsonScan {
  /** What was read; complete once `run` has found no flaw. */
  value: JsonValue = null;
  readonly #text: string;
  readonly #frames: Frame[] = [];
  /** Whether the next string is a member's name. */
  #expectsName = false;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Answers the first flaw, with its place. */
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

/** A text by itself is read by JSON.parse as it should be. @param token with its quotes */
function decode(token: string): string {
  return token.includes('\\') ? String(JSON.parse(token)) : token.slice(1, -1);
}
