import { expect } from 'chai';
import { fastApiFault, fastApiFaults } from '../../../src/dialects/shared/fastapi-faults.ts';
import type { Fault } from '../../../src/gateway/contract/dialect.ts';

describe('a fault as FastAPI reports it', () => {
  const cases: { readonly title: string; readonly fault: Fault; readonly entry: unknown }[] = [
    {
      title: 'calls a missing member missing, and shows what it is missing from',
      fault: {
        source: 'body',
        path: ['label'],
        rule: 'missing',
        input: { auth_type: 'api_key', credentials: '[redacted]' },
      },
      entry: {
        type: 'missing',
        loc: ['body', 'label'],
        msg: 'Field required',
        input: { auth_type: 'api_key', credentials: '[redacted]' },
      },
    },
    {
      title: 'speaks of one character in the singular',
      fault: { source: 'body', path: ['label'], rule: 'too_short', expected: 1, input: '' },
      entry: {
        type: 'string_too_short',
        loc: ['body', 'label'],
        msg: 'String should have at least 1 character',
        input: '',
        ctx: { min_length: 1 },
      },
    },
    {
      title: 'speaks of a list that has too few items',
      fault: { source: 'body', path: ['ids'], rule: 'too_few', expected: 1, input: [] },
      entry: {
        type: 'too_short',
        loc: ['body', 'ids'],
        msg: 'List should have at least 1 item after validation',
        input: [],
        ctx: { field_type: 'List', min_length: 1 },
      },
    },
    {
      title: 'speaks of several characters in the plural',
      fault: { source: 'body', path: ['label'], rule: 'too_long', expected: 100, input: 'long' },
      entry: {
        type: 'string_too_long',
        loc: ['body', 'label'],
        msg: 'String should have at most 100 characters',
        input: 'long',
        ctx: { max_length: 100 },
      },
    },
    {
      title: 'spells the names of an enum with commas and an or',
      fault: { source: 'body', path: ['kind'], rule: 'not_in_enum', expected: ['a', 'b', 'c'], input: 'z' },
      entry: {
        type: 'enum',
        loc: ['body', 'kind'],
        msg: "Input should be 'a', 'b' or 'c'",
        input: 'z',
        ctx: { expected: "'a', 'b' or 'c'" },
      },
    },
    {
      title: 'spells the only name of an enum by itself',
      fault: { source: 'query', path: ['order'], rule: 'not_in_enum', expected: ['a'], input: 'z' },
      entry: {
        type: 'enum',
        loc: ['query', 'order'],
        msg: "Input should be 'a'",
        input: 'z',
        ctx: { expected: "'a'" },
      },
    },
    {
      title: 'calls what is no text string_type',
      fault: { source: 'body', path: ['label'], rule: 'not_string', input: 5 },
      entry: { type: 'string_type', loc: ['body', 'label'], msg: 'Input should be a valid string', input: 5 },
    },
    {
      title: 'calls what is no object dict_type, and keeps its redaction',
      fault: { source: 'body', path: ['credentials'], rule: 'not_object', input: '[redacted]' },
      entry: {
        type: 'dict_type',
        loc: ['body', 'credentials'],
        msg: 'Input should be a valid dictionary',
        input: '[redacted]',
      },
    },
    {
      title: 'speaks of parsing where a query parameter is no integer',
      fault: { source: 'query', path: ['limit'], rule: 'not_integer', input: 'x' },
      entry: {
        type: 'int_parsing',
        loc: ['query', 'limit'],
        msg: 'Input should be a valid integer, unable to parse string as an integer',
        input: 'x',
      },
    },
    {
      title: 'names the bound of a number that is too small',
      fault: { source: 'query', path: ['limit'], rule: 'too_small', expected: 1, input: '0' },
      entry: {
        type: 'greater_than_equal',
        loc: ['query', 'limit'],
        msg: 'Input should be greater than or equal to 1',
        input: '0',
        ctx: { ge: 1 },
      },
    },
    {
      title: 'names the bound of a number that is too large',
      fault: { source: 'query', path: ['limit'], rule: 'too_large', expected: 1000, input: '1001' },
      entry: {
        type: 'less_than_equal',
        loc: ['query', 'limit'],
        msg: 'Input should be less than or equal to 1000',
        input: '1001',
        ctx: { le: 1000 },
      },
    },
    {
      title: 'shows null where nothing was sent',
      fault: { source: 'body', path: ['tags', 1], rule: 'not_string', input: undefined },
      entry: { type: 'string_type', loc: ['body', 'tags', 1], msg: 'Input should be a valid string', input: null },
    },
  ];

  for (const { title, fault, entry } of cases) {
    it(title, () => {
      expect(fastApiFault(fault)).to.deep.equal(entry);
    });
  }
});

describe('the faults of a request as FastAPI reports them', () => {
  const more = { type: 'too_many_errors', loc: ['body'], msg: 'More than 100 errors', input: null };

  it('are one entry each', () => {
    expect(fastApiFaults({ faults: faults(100, 'n') })).to.deep.equal(faults(100, 'n').map(fastApiFault));
  });

  it('end with an entry that states that there are more', () => {
    const entries = fastApiFaults({ faults: faults(100, 'n'), hasMore: true });
    expect(entries).to.have.length(101);
    expect(entries.at(-1)).to.deep.equal(more);
  });

  it('are 100 at most', () => {
    expect(fastApiFaults({ faults: faults(101, 'n') })).to.deep.equal(
      fastApiFaults({ faults: faults(100, 'n'), hasMore: true }),
    );
  });

  it('take 16 KiB at most', () => {
    const entries = fastApiFaults({ faults: faults(100, 'n'.repeat(256)) });
    expect(Buffer.byteLength(JSON.stringify(entries))).to.be.within(16_384 - 500, 16_384);
    expect(entries.at(-1)).to.deep.equal(more);
  });
});

function faults(count: number, name: string): Fault[] {
  return Array.from({ length: count }, (_, index) => ({
    source: 'body',
    path: [name, index],
    rule: 'unknown_member',
    input: undefined,
  }));
}
