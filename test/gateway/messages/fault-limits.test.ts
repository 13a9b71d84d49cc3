import { createValidator } from '@bufbuild/protovalidate';
import { expect } from 'chai';
import * as fc from 'fast-check';
import type { RestStyle } from '../../../src/gateway/contract/dialect.ts';
import type { FaultList } from '../../../src/gateway/messages/fault-list.ts';
import { createRequestReader } from '../../../src/gateway/messages/request-reader.ts';
import { createRouteTable } from '../../../src/gateway/routes/route-table.ts';
import type { JsonValue } from '../../../src/vault/json.ts';
import { createLibrary, secretText } from '../library.ts';

/** What is wrong with a create of a book; fails where nothing is. */
function faultsOf(body: JsonValue, style: Partial<RestStyle> = { unknownMembers: 'refuse' }): FaultList {
  return readFaults('POST', body, new URLSearchParams(), style);
}

function readFaults(
  httpMethod: string,
  body: JsonValue | undefined,
  query: URLSearchParams,
  style: Partial<RestStyle>,
) {
  const match = createRouteTable([createLibrary(style).dialect]).match(httpMethod, '/v1/shelves/s1/books');
  if (match.kind !== 'found' || !match.candidates[0]) throw new Error('there is no such route');
  const { entry, variables } = match.candidates[0];
  const validator = createValidator();
  const reader = createRequestReader(entry, (schema, message) => validator.validate(schema, message).violations ?? []);
  const read = reader.readPath(variables).readRest({ query, headers: new Headers(), body });
  if (!('faults' in read)) throw new Error('there is no fault');
  return read;
}

const valid = { title: 'T', text: 'x' };
const named = (count: number, name = (index: number) => `n${index}`): Record<string, JsonValue> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [name(index), 1]));

describe('the faults of a request', () => {
  it('are all listed up to 100', () => {
    const { faults, hasMore } = faultsOf({ ...valid, ...named(100) });
    expect(faults).to.have.length(100);
    expect(hasMore).to.equal(undefined);
  });

  const many: Record<string, JsonValue> = {
    'unknown members': { ...valid, ...named(101) },
    'items of the wrong type': { ...valid, editors: Array.from({ length: 101 }, () => 1) },
    'unknown members of a nested message': { ...valid, author: { name: 'n', ...named(101) } },
    'members that items lack': { ...valid, editors: Array.from({ length: 101 }, () => ({})) },
    'members of several kinds': { ...named(50), editors: Array.from({ length: 60 }, () => ({})) },
  };
  for (const [title, body] of Object.entries(many)) {
    it(`are the first 100, and that there are more: ${title}`, () => {
      const { faults, hasMore } = faultsOf(body);
      expect(faults).to.have.length(100);
      expect(hasMore).to.equal(true);
    });
  }

  it('are the first 100 of a query, too', () => {
    const query = new URLSearchParams(Object.keys(named(101)).map((name): [string, string] => [name, '1']));
    const { faults, hasMore } = readFaults('GET', undefined, query, { unknownMembers: 'refuse' });
    expect(faults).to.have.length(100);
    expect(hasMore).to.equal(true);
  });

  it('are one for a list that is too long, whatever it holds', () => {
    const { faults } = faultsOf({ ...valid, tags: Array.from({ length: 1_000 }, () => 1) });
    expect(faults.map(({ path, rule, expected }) => [path.join('.'), rule, expected])).to.deep.equal([
      ['tags', 'too_many', 3],
    ]);
  });

  it('name members by 256 bytes at most', () => {
    const { faults } = faultsOf({ ...valid, [`${'x'.repeat(255)}ä`]: 1 });
    expect(faults.map(({ path }) => path)).to.deep.equal([['x'.repeat(255)]]);
  });

  it('name a deep member by so much of its path as a refusal has room for', () => {
    const deep = (depth: number): JsonValue => (depth === 0 ? 'a\0' : { ['x'.repeat(1_000)]: deep(depth - 1) });
    const { faults } = faultsOf({ ...valid, details: deep(60) });
    expect(faults).to.have.length(1);
    expect(Buffer.byteLength(JSON.stringify(faults[0]?.path))).to.be.at.most(5_000);
  });

  it('show 256 bytes of a text at most', () => {
    const { faults } = faultsOf({ ...valid, pages: `${'x'.repeat(255)}ä` });
    expect(faults.map(({ input }) => input)).to.deep.equal(['x'.repeat(255)]);
  });

  const big: Record<string, JsonValue> = {
    'a list': Array.from({ length: 1_000 }, (_, index) => index),
    'an object': named(1_000),
    'an object with a long name': { ['x'.repeat(1_000)]: 1, b: 2 },
    'a list of lists': Array.from({ length: 1_000 }, () => []),
    'a long text in a list': ['x'.repeat(1_000), 'y'],
  };
  for (const [title, value] of Object.entries(big)) {
    it(`show the beginning of ${title}, of at most 256 bytes`, () => {
      const [fault] = faultsOf({ ...valid, pages: value }).faults;
      expect(Buffer.byteLength(JSON.stringify(fault?.input))).to.be.within(2, 256);
    });
  }

  it('show the beginning of the object that something is missing from', () => {
    const [fault] = faultsOf({ subtitle: 'short', ...named(1_000) }, {}).faults;
    expect(fault).to.deep.include({ path: ['title'], rule: 'missing' });
    expect(fault?.input).to.include({ subtitle: 'short', n0: '[redacted]' });
    expect(Buffer.byteLength(JSON.stringify(fault?.input))).to.be.at.most(256);
  });

  it('show no more of a value than its bound, and no secret, whatever it is', () => {
    const name = fc.oneof(fc.constantFrom('title', 'text', 'notes', 'author', 'editors', 'password'), fc.string());
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constant(secretText),
        fc.string({ maxLength: 300 }),
        tie('object'),
        tie('list'),
      ),
      object: fc.dictionary(name, tie('value')),
      list: fc.array(tie('value')),
    }));
    fc.assert(
      fc.property(value, (sent) => {
        const author = { name: 1, password: JSON.parse(JSON.stringify(sent)) };
        for (const { input = null } of faultsOf({ title: 1, notes: sent === null ? 1 : secretText, author }).faults) {
          const shown = typeof input === 'string' ? input : JSON.stringify(input);
          expect(Buffer.byteLength(shown)).to.be.at.most(256);
          expect(shown).not.to.contain(secretText);
        }
      }),
    );
  });
});
