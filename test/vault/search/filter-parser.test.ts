import { expect } from 'chai';
import { parseFilter } from '../../../src/vault/search/filter-parser.ts';
import { VaultError } from '../../../src/vault/errors.ts';

const a = { kind: 'text', field: 'name', operator: '=', value: 'a' } as const;
const b = { kind: 'text', field: 'provider', operator: '=', value: 'b' } as const;
const c = { kind: 'tag', tag: 'c' } as const;

describe('parsing a filter', () => {
  const meanings: Readonly<Record<string, unknown>> = {
    'name = a AND provider = b AND tags:c': { kind: 'and', parts: [a, b, c] },
    'name=a OR provider="b"': { kind: 'or', parts: [a, b] },
    'name = a AND provider = b OR tags:c': { kind: 'and', parts: [a, { kind: 'or', parts: [b, c] }] },
    '(name = a AND provider = b) OR tags:c': { kind: 'or', parts: [{ kind: 'and', parts: [a, b] }, c] },
    'NOT name = a OR tags:c': { kind: 'or', parts: [{ kind: 'not', part: a }, c] },
    '-name = a': { kind: 'not', part: a },
    '-(name = a)': { kind: 'not', part: a },
    'NOT NOT name = a': { kind: 'not', part: { kind: 'not', part: a } },
    'name != a': { kind: 'not', part: a },
    '((name = a))': a,
    'name = "\\"\\\\\\*"': { ...a, value: '"\\*' },
    'name = al*': { kind: 'prefix', field: 'name', prefix: 'al' },
    'name = "a l*"': { kind: 'prefix', field: 'name', prefix: 'a l' },
    'name != al*': { kind: 'not', part: { kind: 'prefix', field: 'name', prefix: 'al' } },
    'name = "al\\*"': { ...a, value: 'al*' },
    'category = *': { kind: 'prefix', field: 'category', prefix: '' },
    'name = "AND"': { ...a, value: 'AND' },
    'name = and': { ...a, value: 'and' },
    'name = Zürich-2.b_c': { ...a, value: 'Zürich-2.b_c' },
    'labels.env = "prod"': { kind: 'label', key: 'env', operator: '=', value: 'prod' },
    'labels."a.b" = "c"': { kind: 'label', key: 'a.b', operator: '=', value: 'c' },
    'labels:env': { kind: 'label_present', key: 'env' },
    'labels:"a.b"': { kind: 'label_present', key: 'a.b' },
    'labels.env:*': { kind: 'label_present', key: 'env' },
    'labels.env:"*"': { kind: 'label_present', key: 'env' },
    'labels.env:"x"': { kind: 'label', key: 'env', operator: '=', value: 'x' },
    'labels.env >= x': { kind: 'label', key: 'env', operator: '>=', value: 'x' },
    'labels.env = x*': { kind: 'label_prefix', key: 'env', prefix: 'x' },
    'use_count >= -5': { kind: 'count', operator: '>=', value: -5 },
    'use_count = "5"': { kind: 'count', operator: '=', value: 5 },
    'state = ACTIVE': { kind: 'state', state: 'ACTIVE' },
    'state != "EXPIRED"': { kind: 'not', part: { kind: 'state', state: 'EXPIRED' } },
    'subject = "user 7"': { kind: 'text', field: 'subject', operator: '=', value: 'user 7' },
    'created_at < "2024-01-01T01:00:00+01:00"': {
      kind: 'time',
      field: 'createdAt',
      operator: '<',
      value: new Date('2024-01-01T00:00:00Z'),
    },
    'created_by = USR-00000000000000F2': { kind: 'creator', reference: { shortId: '00000000000000F2' } },
    'created_by = somebody': { kind: 'text', field: 'createdBy', operator: '=', value: 'somebody' },
  };
  for (const [text, meaning] of Object.entries(meanings)) {
    it(`reads ${text}`, () => {
      expect(parseFilter(text)).to.deep.equal(meaning);
    });
  }

  it('takes a blank filter for none', () => {
    expect(parseFilter('')).to.equal(undefined);
    expect(parseFilter(' \t\r\n ')).to.equal(undefined);
  });

  /** The position of the mistake, counted from 1, and a part of what was expected there. */
  const mistakes: Readonly<Record<string, readonly [position: number, expected: string]>> = {
    'colour = red': [1, 'a field, one of name, provider'],
    'name = a AND colour = red': [14, 'a field'],
    'name = a provider = b': [10, 'AND, OR or the end'],
    'name = a, provider = b': [9, 'an operator'],
    'name = a and provider = b': [10, 'AND, OR'],
    'name == a': [7, 'a text'],
    'name : a': [6, '= != <'],
    name: [5, '= != <'],
    'name =': [7, 'a text'],
    'name = AND': [8, 'a text'],
    'name = "a': [10, 'a closing quote'],
    'name = "a\\n"': [11, 'after a backslash'],
    'name = "a*b"': [11, 'the end of the string after an asterisk'],
    'name = *b': [9, 'AND, OR or the end'],
    'name = a*b': [10, 'AND, OR or the end'],
    'name > a*': [8, 'without an asterisk'],
    'name = \u{1f600}': [8, 'a field, a value'],
    'name = "\u{1f600}" AND colour = x': [16, 'a field'],
    'name = "\0"': [9, 'a character'],
    'name = "\ud800"': [9, 'a character'],
    "name = 'a'": [8, 'a field, a value'],
    '(name = a': [10, 'a closing parenthesis'],
    'name = a)': [9, 'the end'],
    '()': [2, 'a field'],
    NOT: [4, 'a field'],
    '-': [2, 'a field'],
    red: [1, 'a field'],
    '"red"': [1, 'a field'],
    'NAME = a': [1, 'a field'],
    'name.first = a': [5, '= !='],
    'state = active': [9, 'ACTIVE, INACTIVE, EXPIRED, DELETED'],
    'state = AC*': [9, 'ACTIVE'],
    'state < ACTIVE': [7, '= !='],
    'use_count = many': [13, 'an integer'],
    'use_count = 1.5': [13, 'an integer'],
    'use_count = 99999999999999999999': [13, 'an integer'],
    'use_count = 1*': [13, 'an integer'],
    'created_at > yesterday': [14, 'RFC 3339'],
    'created_at > 2024-01-01': [14, 'RFC 3339'],
    'created_at > "2024-01-01"': [14, 'RFC 3339'],
    'created_at = *': [14, 'RFC 3339'],
    'tags = a': [6, ':'],
    'tags:a*': [6, 'without an asterisk'],
    'tags:*': [6, 'a tag'],
    'labels = env': [8, ':'],
    'labels:env*': [8, 'without an asterisk'],
    'labels. = a': [8, 'the key of a label'],
    'labels.a.b = c': [9, 'double quotes'],
    'labels."a.b': [12, 'a closing quote'],
    'labels.env:x*': [12, 'without an asterisk'],
  };
  for (const [text, [position, expected]] of Object.entries(mistakes)) {
    it(`reports where ${JSON.stringify(text)} is wrong, and what was expected, and quotes nothing of it`, () => {
      const { details, message } = refusalOf(text);
      expect(details).to.deep.equal({ field: 'filter', reason: 'INVALID_FILTER' });
      expect(message).to.match(new RegExp(`^filter is invalid at character ${position}: expected `));
      expect(message).to.include(expected);
      for (const secret of ['colour', 'red', 'yesterday', 'many']) expect(message).not.to.include(secret);
    });
  }

  it('takes 32 comparisons, parentheses and negations, and 2,000 characters, and no more', () => {
    for (const [most, tooMuch, position] of [
      [comparisons(32), comparisons(33), 417],
      [`${'('.repeat(32)}name = a${')'.repeat(32)}`, `${'('.repeat(33)}name = a${')'.repeat(33)}`, 33],
      [`${'NOT '.repeat(32)}name = a`, `${'NOT '.repeat(33)}name = a`, 129],
      [`${'-'.repeat(32)}name = a`, `${'-'.repeat(33)}name = a`, 1],
      [`name = "${'\u{1f600}'.repeat(1_991)}"`, `name = "${'\u{1f600}'.repeat(1_992)}"`, 2_001],
    ] as const) {
      parseFilter(most);
      expect(refusalOf(tooMuch).message).to.include(`at character ${position}:`);
    }
  });
});

function comparisons(count: number): string {
  return Array.from({ length: count }, () => 'name = a').join(' AND ');
}

function refusalOf(text: string): VaultError {
  try {
    parseFilter(text);
  } catch (error) {
    if (error instanceof VaultError) return error;
    throw error;
  }
  throw new Error(`${text} was accepted`);
}
