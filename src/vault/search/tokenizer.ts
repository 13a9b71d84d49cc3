import { invalidFilter } from './invalid-filter.ts';

/** A part of a filter. `start` and `end` are positions in UTF-16 units. */
export interface Token {
  readonly kind: 'word' | 'string' | 'symbol' | 'end';
  /** The word, the symbol, or the string without its quotes and escapes. */
  readonly text: string;
  /** Whether a string ends in an asterisk that is not escaped, which is not part of the text. */
  readonly isPrefix: boolean;
  readonly start: number;
  readonly end: number;
}

const space = /[ \t\r\n]*/y;
const word = /[\p{L}\p{M}\p{N}_.-]+/uy;
const symbol = /[()*:]|[<>!]=|[=<>]/y;
/** What a string has between quotes and escapes. */
const plain = /[^"\\*]+/y;
const escapable = new Set(['"', '\\', '*']);

const anything = 'a field, a value, an operator or a parenthesis';

/**
 * Splits a filter into words, strings and symbols. Words consist of letters, digits, `_`, `-` and `.`.
 *
 * @throws VaultError `invalid_argument`, `INVALID_FILTER`
 */
export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let position = match(space, text, 0).length; position < text.length;) {
    const token = readToken(text, position);
    tokens.push(token);
    position = token.end + match(space, text, token.end).length;
  }
  return [...tokens, { kind: 'end', text: '', isPrefix: false, start: text.length, end: text.length }];
}

function readToken(text: string, start: number): Token {
  if (text[start] === '"') return readString(text, start);
  for (const [kind, pattern] of [
    ['word', word],
    ['symbol', symbol],
  ] as const) {
    const found = match(pattern, text, start);
    if (found !== '') return { kind, text: found, isPrefix: false, start, end: start + found.length };
  }
  throw invalidFilter(text, start, anything);
}

function readString(text: string, start: number): Token {
  let value = '';
  for (let position = start + 1; position < text.length;) {
    const character = text.charAt(position);
    if (character === '"') return { kind: 'string', text: value, isPrefix: false, start, end: position + 1 };
    if (character === '*') {
      if (text[position + 1] !== '"')
        throw invalidFilter(text, position + 1, 'the end of the string after an asterisk');
      return { kind: 'string', text: value, isPrefix: true, start, end: position + 2 };
    }
    if (character === '\\') {
      const escaped = text.charAt(position + 1);
      if (!escapable.has(escaped)) throw invalidFilter(text, position + 1, '", \\ or * after a backslash');
      value += escaped;
      position += 2;
    } else {
      const part = match(plain, text, position);
      checkStorable(text, part, position);
      value += part;
      position += part.length;
    }
  }
  throw invalidFilter(text, text.length, 'a closing quote');
}

/** PostgreSQL has no text with these. */
function checkStorable(text: string, part: string, start: number): void {
  const index = part.search(/\0|\p{Cs}/u);
  if (index >= 0) throw invalidFilter(text, start + index, 'a character that a text can have');
}

function match(source: RegExp, text: string, position: number): string {
  const pattern = new RegExp(source);
  pattern.lastIndex = position;
  return pattern.exec(text)?.[0] ?? '';
}
