import { fieldRules, labelRule, takesPrefix, type FieldRule, type Value } from './comparisons.ts';
import { filterLimits, type Filter } from './filter.ts';
import { invalidFilter } from './invalid-filter.ts';
import { tokenize, type Token } from './tokenizer.ts';

/**
 * Parses a filter of the grammar below, a subset of AIP-160. As there, `OR` binds tighter than `AND`. Without bare words,
 * every comparison names its field.
 *
 *     expression = factor {"AND" factor}
 *     factor     = term {"OR" term}
 *     term       = {"NOT" | "-"} ( "(" expression ")" | comparison )
 *     comparison = field operator value
 *     field      = word | "labels." (word | string)
 *     value      = (word | string) ["*"] | "*"
 *
 * @returns undefined for a blank filter, which selects everything
 * @throws VaultError `invalid_argument`, `INVALID_FILTER`
 * @see https://google.aip.dev/160
 */
export function parseFilter(text: string): Filter | undefined {
  const { characters } = filterLimits;
  // A text never has more characters than UTF-16 units, so most need no counting.
  if (text.length > characters && Array.from(text).length > characters) {
    throw invalidFilter(
      text,
      Array.from(text).slice(0, characters).join('').length,
      `at most ${characters} characters`,
    );
  }
  const tokens = tokenize(text);
  return tokens.length === 1 ? undefined : new FilterParser(text, tokens).parse();
}

const keywords = new Set(['AND', 'OR', 'NOT']);
const fieldNames = [...fieldRules.keys()].flatMap((name) => (name === 'labels' ? ['labels', 'labels.KEY'] : [name]));
const field = `a field, one of ${fieldNames.join(', ')}`;

class FilterParser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #index = 0;
  #comparisons = 0;
  #parentheses = 0;
  #negations = 0;

  constructor(text: string, tokens: readonly Token[]) {
    this.#text = text;
    this.#tokens = tokens;
  }

  parse(): Filter {
    const filter = this.#expression();
    if (this.#next.kind !== 'end') throw this.#invalid('AND, OR or the end');
    return filter;
  }

  get #next(): Token {
    return this.#at(0);
  }

  #at(offset: number): Token {
    const token = this.#tokens[this.#index + offset] ?? this.#tokens.at(-1);
    // The last token is the end, which is never passed.
    return token ?? { kind: 'end', text: '', isPrefix: false, start: 0, end: 0 };
  }

  #expression(): Filter {
    return this.#joined('and', 'AND', () => this.#joined('or', 'OR', () => this.#term()));
  }

  #joined(kind: 'and' | 'or', keyword: string, part: () => Filter): Filter {
    const first = part();
    const parts = [first];
    while (this.#takeWord(keyword)) parts.push(part());
    return parts.length === 1 ? first : { kind, parts };
  }

  #term(): Filter {
    if (this.#isNegated()) return this.#negation();
    if (this.#next.text === '(' && this.#next.kind === 'symbol') return this.#group();
    return this.#comparison(0);
  }

  #isNegated(): boolean {
    const { kind, text } = this.#next;
    return kind === 'word' && (text === 'NOT' || text.startsWith('-'));
  }

  /** A minus sign is lexically a part of the word that follows it. */
  #negation(): Filter {
    const { text } = this.#next;
    const minuses = /^-*/.exec(text)?.[0].length ?? 0;
    const count = Math.max(minuses, 1);
    this.#negations += count;
    this.#enter(this.#negations);
    const hasField = minuses > 0 && text.length > minuses;
    if (!hasField) this.#index += 1;
    const part = hasField ? this.#comparison(minuses) : this.#term();
    this.#negations -= count;
    return count % 2 === 1 ? { kind: 'not', part } : part;
  }

  #group(): Filter {
    this.#enter(++this.#parentheses);
    this.#index += 1;
    const filter = this.#expression();
    if (!this.#takeSymbol(')')) throw this.#invalid('AND, OR or a closing parenthesis');
    this.#parentheses -= 1;
    return filter;
  }

  #enter(depth: number): void {
    const { depth: most } = filterLimits;
    if (depth > most) throw this.#invalid(`parentheses, and negations, at most ${most} deep`);
  }

  /** @param skipped the characters of the first word that precede the field */
  #comparison(skipped: number): Filter {
    this.#comparisons += 1;
    const { comparisons: most } = filterLimits;
    if (this.#comparisons > most) throw this.#invalid(`at most ${most} comparisons`);
    const rule = this.#field(skipped);
    const operator = this.#operator(rule);
    const start = this.#next.start;
    const value = this.#value(rule, operator);
    const comparison = rule.compare(operator, value);
    if (!comparison) throw invalidFilter(this.#text, start, rule.expected);
    return comparison;
  }

  #field(skipped: number): FieldRule {
    const { kind, text, start } = this.#next;
    const dot = text.indexOf('.');
    const name = text.slice(skipped, dot < 0 ? undefined : dot);
    const rule = kind === 'word' ? fieldRules.get(name) : undefined;
    if (!rule) throw invalidFilter(this.#text, start + (kind === 'word' ? skipped : 0), field);
    this.#index += 1;
    if (dot < 0) return rule;
    if (name !== 'labels') throw invalidFilter(this.#text, start + dot, rule.operators.join(' '));
    return labelRule(this.#labelKey(text.slice(dot + 1), start + dot + 1));
  }

  /** @param text what follows the dot in the same word, which begins at `start` */
  #labelKey(text: string, start: number): string {
    const isQuoted = text === '' && this.#next.kind === 'string' && this.#next.start === start;
    if (isQuoted && !this.#next.isPrefix) return this.#take().text;
    const dot = text.indexOf('.');
    if (dot >= 0) throw invalidFilter(this.#text, start + dot, 'an operator; a key with a dot is in double quotes');
    if (text === '') throw invalidFilter(this.#text, start, 'the key of a label');
    return text;
  }

  #operator({ operators }: FieldRule): string {
    const { kind, text } = this.#next;
    if (kind !== 'symbol' || !operators.includes(text)) throw this.#invalid(operators.join(' '));
    return this.#take().text;
  }

  #value(rule: FieldRule, operator: string): Value {
    const { kind, text, isPrefix, start } = this.#next;
    if (kind === 'symbol' && text === '*') return this.#asterisk('', operator, start);
    if (kind === 'string') {
      this.#index += 1;
      if (isPrefix) this.#requirePrefix({ text, isPrefix }, operator, start);
      return { text, isPrefix };
    }
    if (kind !== 'word' || keywords.has(text)) throw this.#invalid(rule.expected);
    const { end } = this.#take();
    const isFollowed = this.#next.kind === 'symbol' && this.#next.text === '*' && this.#next.start === end;
    return isFollowed ? this.#asterisk(text, operator, start) : { text, isPrefix: false };
  }

  #asterisk(text: string, operator: string, start: number): Value {
    const { end } = this.#take();
    // `a*b` would otherwise be a value and a bare word.
    if (this.#next.start === end && /^(word|string)$/.test(this.#next.kind)) throw this.#invalid('AND, OR or the end');
    const value = { text, isPrefix: true };
    this.#requirePrefix(value, operator, start);
    return value;
  }

  #requirePrefix({ text }: Value, operator: string, start: number): void {
    // `labels.KEY:*` asks whether the label is there.
    if (takesPrefix(operator) || (operator === ':' && text === '')) return;
    throw invalidFilter(this.#text, start, 'a value without an asterisk, which only follows = and !=');
  }

  #takeWord(word: string): boolean {
    return this.#next.kind === 'word' && this.#next.text === word && this.#take() !== undefined;
  }

  #takeSymbol(symbol: string): boolean {
    return this.#next.kind === 'symbol' && this.#next.text === symbol && this.#take() !== undefined;
  }

  #take(): Token {
    const token = this.#next;
    this.#index += 1;
    return token;
  }

  #invalid(expected: string): Error {
    return invalidFilter(this.#text, this.#next.start, expected);
  }
}
