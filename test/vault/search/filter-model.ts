import * as fc from 'fast-check';

/** A credential as the model of filters has it; what is absent is null. */
export interface ModelCredential {
  readonly id: string;
  readonly name: string;
  readonly provider: string;
  readonly auth_type: string;
  readonly category: string | null;
  readonly scope: string | null;
  readonly subject: string | null;
  readonly origin: string;
  readonly created_by: string;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly is_active: boolean;
  readonly use_count: number;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly expires_at: Date | null;
  readonly last_used_at: Date | null;
  readonly deleted_at: Date | null;
}

/** A filter as a text, with what it means by AIP-160 and the contract of the API. */
export interface ModelFilter {
  readonly text: string;
  readonly matches: (credential: ModelCredential) => boolean;
  /** What the text is, so that it is put in parentheses where that is needed. */
  readonly kind: 'and' | 'or' | 'simple';
}

const texts = ['name', 'provider', 'auth_type', 'category', 'scope', 'subject', 'origin', 'created_by'] as const;
const times = ['created_at', 'updated_at', 'expires_at', 'last_used_at', 'deleted_at'] as const;
const orders = ['=', '!=', '<', '<=', '>', '>='] as const;

/** The few texts that values and credentials have in common, with everything that a filter or SQL could trip over. */
export const words = [
  'a',
  'ab',
  'A',
  'openai',
  'open-ai.v2_x',
  'AND',
  'not',
  'x*',
  'x*y',
  '*',
  '%',
  '_',
  'a"b',
  "'; drop table credential; --",
  '$1',
  '?',
  '\\',
  '\\"',
  ' a ',
  'ünï',
  '\u{d7ff}z',
  '\u{e000}',
  '\u{1f600}',
  '\u{10ffff}',
  '{"a":1}',
  '{}',
];
export const labelKeys = ['env', 'a.b', 'k"', 'Team-1', "k'"];
/** The time of the search. */
export const now = new Date('2024-06-01T00:00:00.000Z');
export const modelTimes = [
  '2024-01-01T00:00:00.000Z',
  '2024-05-31T23:59:59.999Z',
  '2024-06-01T00:00:00.000Z',
  '2025-01-01T00:00:00.123Z',
];
export const creators = ['018cc251-f400-7000-8000-0000000000f2', '018cc251-f400-7000-8000-0000000000f3'];

const word = fc.constantFrom(...words);

function quote(text: string): string {
  return `"${text.replace(/["\\*]/g, '\\$&')}"`;
}

/** In quotes, or without where these may be left out. */
const writtenOf = (text: string) =>
  /^[\p{L}\p{N}_.-]+$/u.test(text) && !/^(AND|OR|NOT)$/.test(text)
    ? fc.constantFrom(text, quote(text))
    : fc.constant(quote(text));

function order(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

function holds(operator: (typeof orders)[number], sign: number): boolean {
  const results = { '=': sign === 0, '!=': sign !== 0, '<': sign < 0, '<=': sign <= 0, '>': sign > 0, '>=': sign >= 0 };
  return results[operator];
}

function simple(text: string, matches: ModelFilter['matches']): ModelFilter {
  return { text, matches, kind: 'simple' };
}

const space = fc.constantFrom('', ' ', '  ', '\t');

/** A comparison of a text that may be absent. */
function ofText(field: string, valueOf: (credential: ModelCredential) => string | null): fc.Arbitrary<ModelFilter> {
  const compared = fc.tuple(fc.constantFrom(...orders), word, space).chain(([operator, value, gap]) =>
    writtenOf(value).map((text) =>
      simple(`${field}${gap}${operator}${gap}${text}`, (credential) => {
        const found = valueOf(credential);
        return found === null ? operator === '!=' : holds(operator, order(found, value));
      }),
    ),
  );
  const prefixed = fc.tuple(fc.constantFrom('=', '!='), fc.constantFrom('', ...words)).map(([operator, prefix]) =>
    simple(`${field} ${operator} ${quote(prefix).slice(0, -1)}*"`, (credential) => {
      const found = valueOf(credential);
      return (found !== null && found.startsWith(prefix)) === (operator === '=');
    }),
  );
  return fc.oneof({ weight: 3, arbitrary: compared }, { weight: 1, arbitrary: prefixed });
}

const textComparison = fc.constantFrom(...texts).chain((field) => ofText(field, (credential) => credential[field]));

const timeComparison = fc
  .tuple(fc.constantFrom(...times), fc.constantFrom(...orders), fc.constantFrom(...modelTimes), fc.boolean())
  .map(([field, operator, time, isFiner]) => {
    const text = isFiner ? time.replace('Z', '5Z') : time;
    return simple(`${field} ${operator} "${text}"`, (credential) => {
      const found = credential[field];
      if (!found) return operator === '!=';
      const difference = found.getTime() - Date.parse(time) - (isFiner ? 0.5 : 0);
      return holds(operator, difference);
    });
  });

const countComparison = fc
  .tuple(fc.constantFrom(...orders), fc.integer({ min: -1, max: 4 }))
  .map(([operator, value]) =>
    simple(`use_count ${operator} ${value}`, (credential) => holds(operator, credential.use_count - value)),
  );

export function stateOf({
  deleted_at: deletedAt,
  expires_at: expiresAt,
  is_active: isActive,
}: ModelCredential): string {
  if (deletedAt) return 'DELETED';
  if (expiresAt && expiresAt <= now) return 'EXPIRED';
  return isActive ? 'ACTIVE' : 'INACTIVE';
}

const stateComparison = fc
  .tuple(fc.constantFrom('=', '!='), fc.constantFrom('ACTIVE', 'INACTIVE', 'EXPIRED', 'DELETED'))
  .map(([operator, state]) =>
    simple(`state ${operator} ${state}`, (credential) => (stateOf(credential) === state) === (operator === '=')),
  );

const tagComparison = word.chain((tag) =>
  writtenOf(tag).map((text) => simple(`tags:${text}`, (credential) => credential.tags.includes(tag))),
);

const labelComparison = fc.constantFrom(...labelKeys).chain((key) => {
  const written = /^[\w-]+$/.test(key) ? key : quote(key);
  const present = (credential: ModelCredential) => Object.hasOwn(credential.labels, key);
  return fc.oneof(
    { weight: 4, arbitrary: ofText(`labels.${written}`, (credential) => credential.labels[key] ?? null) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(`labels:${written}`, `labels.${written}:*`).map((text) => simple(text, present)),
    },
    {
      weight: 1,
      arbitrary: word.map((value) =>
        simple(
          `labels.${written}:${quote(value)}`,
          (credential) => present(credential) && credential.labels[key] === value,
        ),
      ),
    },
  );
});

const comparison = fc.oneof(
  { weight: 3, arbitrary: textComparison },
  timeComparison,
  countComparison,
  stateComparison,
  { weight: 2, arbitrary: tagComparison },
  { weight: 2, arbitrary: labelComparison },
);

function inParentheses({ text }: ModelFilter): string {
  return `(${text})`;
}

function joined(kind: 'and' | 'or', parts: readonly ModelFilter[]): ModelFilter {
  // `OR` binds tighter than `AND`.
  const needsNone = kind === 'and' ? 'or' : 'simple';
  const written = parts.map((part) =>
    part.kind === 'simple' || part.kind === needsNone ? part.text : inParentheses(part),
  );
  return {
    kind,
    text: written.join(kind === 'and' ? ' AND ' : ' OR '),
    matches: (credential) =>
      kind === 'and' ? parts.every((part) => part.matches(credential)) : parts.some((part) => part.matches(credential)),
  };
}

function negated(keyword: string, part: ModelFilter): ModelFilter {
  const text = part.kind === 'simple' ? part.text : inParentheses(part);
  return simple(`${keyword}${text}`, (credential) => !part.matches(credential));
}

/** Filters of at most 27 comparisons. */
export const anyFilter: fc.Arbitrary<ModelFilter> = fc.letrec<{ filter: ModelFilter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'filter' },
    { weight: 3, arbitrary: comparison },
    {
      weight: 2,
      arbitrary: fc
        .tuple(
          fc.constantFrom('and' as const, 'or' as const),
          fc.array(tie('filter'), { minLength: 2, maxLength: 3, depthIdentifier: 'filter' }),
        )
        .map(([kind, parts]) => joined(kind, parts)),
    },
    {
      weight: 1,
      // A minus sign directly precedes a field or a parenthesis, of which neither begins with another sign.
      arbitrary: fc.tuple(fc.constantFrom('NOT ', '-'), tie('filter')).map(([keyword, part]) => {
        const isPlain = part.kind !== 'simple' || /^[a-z]/.test(part.text);
        return negated(isPlain ? keyword : 'NOT ', part);
      }),
    },
  ),
})).filter;

/** Orders with what they compare; absent values are last. */
export const anyOrder = fc
  .uniqueArray(
    fc.record({
      field: fc.constantFrom('created_at', 'updated_at', 'name', 'provider', 'expires_at'),
      isDescending: fc.boolean(),
    }),
    { minLength: 0, maxLength: 3, selector: ({ field }) => field },
  )
  .map((keys) => ({
    text: keys.map(({ field, isDescending }) => `${field}${isDescending ? ' desc' : ''}`).join(', '),
    compare: (one: ModelCredential, other: ModelCredential): number => {
      const all = keys.length > 0 ? keys : [{ field: 'created_at' as const, isDescending: true }];
      for (const { field, isDescending } of all) {
        const sign = compareValues(one[field], other[field], isDescending);
        if (sign !== 0) return sign;
      }
      const sign = order(one.id, other.id);
      return all.at(-1)?.isDescending ? -sign : sign;
    },
  }));

function compareValues(one: string | Date | null, other: string | Date | null, isDescending: boolean): number {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  const sign = one instanceof Date || other instanceof Date ? Number(one) - Number(other) : order(one, other);
  return isDescending ? -sign : sign;
}
