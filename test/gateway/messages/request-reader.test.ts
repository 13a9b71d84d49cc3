import { toJson } from '@bufbuild/protobuf';
import { createValidator } from '@bufbuild/protovalidate';
import { expect } from 'chai';
import * as fc from 'fast-check';
import type { Fault, RestStyle } from '../../../src/gateway/contract/dialect.ts';
import { createRequestReader, type RequestParts } from '../../../src/gateway/messages/request-reader.ts';
import { createRouteTable } from '../../../src/gateway/routes/route-table.ts';
import type { JsonValue } from '../../../src/vault/json.ts';
import { createLibrary, secretText } from '../library.ts';

function readerOf(httpMethod: string, path: string, style: Partial<RestStyle> = {}) {
  const match = createRouteTable([createLibrary(style).dialect]).match(httpMethod, path);
  if (match.kind !== 'found' || !match.candidates[0]) throw new Error(`no route for ${path}`);
  const { entry, variables } = match.candidates[0];
  const validator = createValidator();
  const reader = createRequestReader(entry, (schema, message) => validator.validate(schema, message).violations ?? []);
  const parts = { variables, query: new URLSearchParams(), headers: new Headers(), body: undefined };
  return {
    reader,
    read: (
      given: Partial<RequestParts & { readonly variables: Readonly<Record<string, string>> }>,
    ): { json: unknown; faults: readonly Fault[] } => {
      const { variables: named, ...rest } = { ...parts, ...given };
      const read = reader.readPath(named).readRest(rest);
      if ('faults' in read) return { json: undefined, faults: read.faults };
      const { input } = entry.rpc.method;
      return { json: toJson(input, read.message, { useProtoFieldName: true }), faults: [] };
    },
  };
}

const create = () => readerOf('POST', '/v1/shelves/s1/books');
const valid = { title: 'T', text: 'x' };

/** The faults of a create, each as `path rule expected`. */
function faultsOf(body: JsonValue, style: Partial<RestStyle> = {}): string[] {
  const { faults } = readerOf('POST', '/v1/shelves/s1/books', style).read({ body });
  return faults.map(({ path, rule, expected }) => `${path.join('.')} ${rule} ${String(expected ?? '')}`.trim());
}

describe('a request body', () => {
  it('becomes a message, together with the path', () => {
    const body = { ...valid, genre: 'NOVEL', copies: 3, tags: ['a'], details: { a: [1, null] }, weight: '7' };
    const { json } = create().read({ body });
    expect(json).to.deep.equal({ shelf: 's1', ...body, copies: '3' });
  });

  it('may name its members either way', () => {
    const { json } = create().read({ body: { ...valid, printedAt: '2024-01-01T00:00:00Z' } });
    expect(json).to.have.property('printed_at', '2024-01-01T00:00:00Z');
  });

  it('may hold null for what is optional', () => {
    const body = {
      ...valid,
      subtitle: null,
      tags: null,
      labels: null,
      details: null,
      printed_at: null,
      genre: null,
      author: null,
    };
    expect(create().read({ body }).json).to.deep.equal({ shelf: 's1', ...valid });
  });

  it('keeps a null where any value may stand', () => {
    expect(create().read({ body: { ...valid, note: null } }).json).to.have.property('note', null);
  });

  it('does not overrule the path', () => {
    expect(create().read({ body: { ...valid, shelf: 'other' } }).json).to.have.property('shelf', 's1');
    expect(create().read({ body: { ...valid, shelf: 5 } }).json).to.have.property('shelf', 's1');
  });

  it('takes times with small letters, offsets and fractions', () => {
    const { json } = create().read({ body: { ...valid, printed_at: '2024-01-01t02:00:00.5+02:00' } });
    expect(json).to.have.property('printed_at', '2024-01-01T00:00:00.500Z');
  });

  const faults: [body: JsonValue, expected: string[]][] = [
    [{}, ['title missing', 'text missing']],
    [{ ...valid, title: 5 }, ['title not_string']],
    [{ ...valid, title: null }, ['title not_string']],
    [{ ...valid, title: '' }, ['title too_short 1']],
    [{ ...valid, title: 'x'.repeat(21) }, ['title too_long 20']],
    [{ ...valid, title: '\ud800' }, ['title other']],
    [{ ...valid, kind: 'stone' }, ['kind not_in_enum paper,audio']],
    [{ ...valid, genre: 'POEM' }, ['genre not_in_enum NOVEL,SCIENCE']],
    [{ ...valid, genre: 99 }, ['genre not_in_enum NOVEL,SCIENCE']],
    [{ ...valid, pages: 'many' }, ['pages not_integer']],
    [{ ...valid, pages: 1.5 }, ['pages not_integer']],
    [{ ...valid, pages: true }, ['pages not_integer']],
    [{ ...valid, pages: -1 }, ['pages too_small 0']],
    [{ ...valid, pages: 1001 }, ['pages too_large 1000']],
    [{ ...valid, pages: 2 ** 31 }, ['pages too_large 2147483647']],
    [{ ...valid, copies: '9223372036854775808' }, ['copies too_large 9223372036854776000']],
    [{ ...valid, price: 'dear' }, ['price not_number']],
    [{ ...valid, signed: 'yes' }, ['signed not_boolean']],
    [{ ...valid, tags: 'a' }, ['tags not_list']],
    [{ ...valid, tags: ['a', 5, null] }, ['tags.1 not_string', 'tags.2 not_string']],
    [{ ...valid, tags: ['a', 'b', 'c', 'd'] }, ['tags too_many 3']],
    [{ ...valid, tags: ['a', 'longer'] }, ['tags.1 too_long 5']],
    [{ ...valid, labels: ['a'] }, ['labels not_object']],
    [{ ...valid, labels: { a: 1 } }, ['labels.a not_string']],
    [{ ...valid, printed_at: 'yesterday' }, ['printed_at not_timestamp']],
    [{ ...valid, printed_at: '2024-02-30T00:00:00Z' }, ['printed_at not_timestamp']],
    [{ ...valid, printed_at: 1_700_000_000 }, ['printed_at not_timestamp']],
    [{ ...valid, details: [] }, ['details not_object']],
    [{ ...valid, weight: 'heavy' }, ['weight not_integer']],
    [{ ...valid, author: 'me' }, ['author not_object']],
    [{ ...valid, author: {} }, ['author.name missing']],
    [{ ...valid, author: { name: 'n', born: 'x' } }, ['author.born not_integer']],
    [{ ...valid, editors: [{ name: 'n' }, {}] }, ['editors.1.name missing']],
    [{ ...valid, cover: '?' }, ['cover other']],
    [{ ...valid, printed_at: '2024-01-01T00:00:00Z', printedAt: '2024-01-01T00:00:00Z' }, ['printed_at sent_twice']],
    [{ ...valid, details: { a: 'x\0' } }, ['details.a other']],
    [{ ...valid, 'a\0': 1 }, ['other']],
    [{ ...valid, details: { a: Number.POSITIVE_INFINITY } }, ['details.a other']],
    [
      { subtitle: 'far too long', pages: -1, tags: [1], editors: 'me', kind: 7 },
      [
        'title missing',
        'text missing',
        'subtitle too_long 10',
        'kind not_string',
        'pages too_small 0',
        'tags.0 not_string',
        'editors not_list',
      ],
    ],
  ];
  for (const [body, expected] of faults) {
    it(`has the faults ${expected.join('; ')}`, () => expect(faultsOf(body)).to.deep.equal(expected));
  }

  it('is shown in a fault as it was sent', () => {
    const { faults: found } = create().read({ body: { ...valid, pages: 'many', kind: 'stone' } });
    expect(found.map(({ input }) => input)).to.deep.equal(['stone', 'many']);
    expect(found.every(({ source }) => source === 'body')).to.equal(true);
  });

  it('is shown around what is missing, without its secrets', () => {
    const body = {
      text: secretText,
      notes: { deep: { key: secretText } },
      author: { password: secretText, born: 7 },
      titel: secretText,
    };
    const { faults: found } = create().read({ body });
    const hidden = '[redacted]';
    expect(found[0]).to.deep.equal({
      source: 'body',
      path: ['title'],
      rule: 'missing',
      input: { text: hidden, notes: hidden, author: { password: hidden, born: 7 }, titel: hidden },
    });
    expect(found[1]).to.deep.include({ path: ['author', 'name'], input: { password: hidden, born: 7 } });
  });

  it('is shown around a secret that is missing, too', () => {
    const [fault] = create().read({ body: { title: 'T', texts: secretText } }).faults;
    expect(fault).to.deep.include({ path: ['text'], input: { title: 'T', texts: '[redacted]' } });
  });

  const leaks: Record<string, JsonValue> = {
    'a secret that is too long': { title: 'T', text: secretText.repeat(2) },
    'a secret of the wrong type': { title: 'T', text: [secretText] },
    'a secret where an object belongs': { ...valid, notes: secretText },
    'a secret where a message with secrets belongs': { ...valid, author: secretText },
    'secrets where a list of such messages belongs': { ...valid, editors: { a: secretText } },
    'a secret in such a list': { ...valid, editors: [secretText] },
    'a secret under a misspelt name': { title: 'T', txt: secretText },
    'a secret in the body around a nested fault': { ...valid, text: secretText, author: { password: secretText } },
  };
  for (const [title, body] of Object.entries(leaks)) {
    it(`does not repeat ${title}`, () => {
      const { faults: found } = create().read({ body });
      expect(found).not.to.have.length(0);
      expect(JSON.stringify(found)).not.to.contain(secretText);
    });
  }

  it('may show that a secret was empty', () => {
    const [fault] = create().read({ body: { title: 'T', text: '' } }).faults;
    expect(fault).to.deep.equal({ source: 'body', path: ['text'], rule: 'too_short', expected: 1, input: '' });
  });

  it('may hold unknown members, or may not, as the dialect requires', () => {
    const body = { ...valid, nope: 1, author: { name: 'n', huh: 2 } };
    expect(faultsOf(body)).to.deep.equal([]);
    expect(faultsOf(body, { unknownMembers: 'refuse' })).to.deep.equal([
      'author.huh unknown_member',
      'nope unknown_member',
    ]);
  });

  it("is reported in the dialect's names", () => {
    const style: Partial<RestStyle> = { json: { names: 'json', unset: 'omit', int64: 'string', timestamp: 'rfc3339' } };
    expect(faultsOf({ ...valid, printed_at: 'x' }, style)).to.deep.equal(['printedAt not_timestamp']);
  });

  it('is needed where a member of it is required', () => {
    expect(create().reader.needsBody).to.equal(true);
    expect(readerOf('POST', '/v1/shelves/s/books:lendAll').reader.needsBody).to.equal(false);
    expect(readerOf('PATCH', '/v1/shelves/s/books/1').reader.needsBody).to.equal(false);
  });

  it('can be one field, which the path adds to', () => {
    const { read } = readerOf('PATCH', '/v1/shelves/s/books/7');
    const query = new URLSearchParams('update_mask=title,printed_at');
    expect(read({ body: { id: 'other', title: 'T' }, query }).json).to.deep.equal({
      shelf: 's',
      book: { id: '7', title: 'T' },
      update_mask: 'title,printedAt',
    });
    const { faults: found } = read({ body: { id: 5, title: 5 } });
    expect(found.map(({ path }) => path)).to.deep.equal([['book', 'title']]);
  });

  it('does not pollute a prototype', () => {
    for (const text of ['{"__proto__":{"polluted":1}}', '{"details":{"__proto__":{"polluted":1}}}']) {
      const { faults: found } = create().read({ body: { ...valid, details: JSON.parse(text) } });
      expect(found.map(({ rule }) => rule)).to.deep.equal(['other']);
    }
    expect(Object.hasOwn(Object.prototype, 'polluted')).to.equal(false);
  });

  it('may be nested 64 deep, and no deeper', () => {
    const nested = (depth: number): JsonValue => (depth === 0 ? 1 : [nested(depth - 1)]);
    expect(create().read({ body: { ...valid, details: { a: nested(62) } } }).faults).to.deep.equal([]);
    expect(create().read({ body: { ...valid, details: { a: nested(63) } } }).faults).to.have.length(1);
  });

  it('is either a message or a list of faults, whatever it is', () => {
    const { read } = create();
    const names = [
      'title',
      'text',
      'kind',
      'pages',
      'tags',
      'labels',
      'author',
      'editors',
      'printed_at',
      'note',
      'genre',
    ];
    const value = fc.oneof(fc.jsonValue(), fc.constant(secretText));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), value), (body) => {
        const { json, faults: found } = read({ body: JSON.parse(JSON.stringify(body)) });
        expect(found.length > 0).to.equal(json === undefined);
        expect(found.map(({ path }) => path)).not.to.deep.include([]);
      }),
    );
  });
});

const list = (query: string, style: Partial<RestStyle> = {}) =>
  readerOf('GET', '/v1/shelves/s1/books', style).read({ query: new URLSearchParams(query) });

describe('a query', () => {
  const readable: [query: string, message: object][] = [
    ['', {}],
    ['page_size=5', { page_size: 5 }],
    ['pageSize=5', { page_size: 5 }],
    ['page_size=5&page_size=7', { page_size: 7 }],
    ['tags=a&tags=b', { tags: ['a', 'b'] }],
    ['tags[]=a&tags[]=b', { tags: ['a', 'b'] }],
    ['tags%5B%5D=a&tags=b', { tags: ['b', 'a'] }],
    ['tags=a,b', { tags: ['a,b'] }],
    ['years=1&years=2', { years: [1, 2] }],
    ['genre=NOVEL', { genre: 'NOVEL' }],
    ['genre=2', { genre: 'SCIENCE' }],
    ['signed=true', { signed: true }],
    ['signed=False', { signed: false }],
    ['signed=1', { signed: true }],
    ['printed_after=2024-01-01T00:00:00Z', { printed_after: '2024-01-01T00:00:00Z' }],
    ['mask=title,printed_at', { mask: 'title,printedAt' }],
    ['mask=title&mask=printedAt', { mask: 'title,printedAt' }],
    ['author.name=n&author.born=7', { author: { name: 'n', born: 7 } }],
    ['nope=1', {}],
    ['author.__proto__=2&constructor.x=3', {}],
  ];
  for (const [query, message] of readable) {
    it(`is read from ?${query}`, () => {
      expect(list(query)).to.deep.equal({ json: { shelf: 's1', ...message }, faults: [] });
    });
  }

  const faulty: [query: string, fault: Partial<Fault>][] = [
    ['page_size=x', { path: ['page_size'], rule: 'not_integer', input: 'x' }],
    ['page_size=', { path: ['page_size'], rule: 'not_integer', input: '' }],
    ['page_size=-1', { path: ['page_size'], rule: 'too_small', expected: 0, input: '-1' }],
    ['page_size=1001', { path: ['page_size'], rule: 'too_large', expected: 1000, input: '1001' }],
    ['years=1&years=x', { path: ['years', 1], rule: 'not_integer', input: 'x' }],
    ['genre=POEM', { path: ['genre'], rule: 'not_in_enum', expected: ['NOVEL', 'SCIENCE'], input: 'POEM' }],
    ['signed=maybe', { path: ['signed'], rule: 'not_boolean', input: 'maybe' }],
    ['printed_after=now', { path: ['printed_after'], rule: 'not_timestamp', input: 'now' }],
    ['author.born=7', { path: ['author', 'name'], rule: 'missing', input: undefined }],
    ['__proto__=1', { path: [], rule: 'other', input: undefined }],
    ['page_size=5&pageSize=5', { path: ['pageSize'], rule: 'sent_twice', input: undefined }],
    ['tags=%00&tags=a', { path: ['tags'], rule: 'other', input: undefined }],
  ];
  for (const [query, fault] of faulty) {
    it(`is at fault in ?${query}`, () => {
      expect(list(query).faults).to.deep.equal([{ source: 'query', ...fault }]);
    });
  }

  it('may give a single-valued field several values, of which the last counts, or may not, as the dialect requires', () => {
    const refusing = (query: string) => list(query, { unknownMembers: 'refuse' }).faults;
    const fault = { source: 'query', rule: 'sent_twice', input: undefined };
    expect(refusing('page_size=5&page_size=7')).to.deep.equal([{ ...fault, path: ['page_size'] }]);
    expect(refusing('page_size=5&page_size[]=5')).to.deep.equal([{ ...fault, path: ['page_size'] }]);
    expect(refusing('author.name=n&author.name=m')).to.deep.equal([{ ...fault, path: ['author.name'] }]);
    expect(refusing('tags=a&tags=b&mask=title&mask=printedAt')).to.deep.equal([]);
    expect(list('author.name=n&author.name=m').json).to.deep.equal({ shelf: 's1', author: { name: 'm' } });
  });

  it('may hold unknown parameters, or may not, as the dialect requires', () => {
    const { faults } = list('nope=1&page_size=2', { unknownMembers: 'refuse' });
    expect(faults).to.deep.equal([{ source: 'query', path: ['nope'], rule: 'unknown_member', input: undefined }]);
  });
});

describe('a path', () => {
  it('may not hold U+0000', () => {
    const { faults } = readerOf('GET', '/v1/shelves/a%00b/books').read({});
    expect(faults).to.deep.equal([{ source: 'path', path: ['shelf'], rule: 'other', input: undefined }]);
  });
});

describe('a header', () => {
  it('can stand for a field, which the request sets itself to nothing else', () => {
    const { read } = readerOf('GET', '/v1/status');
    const headers = new Headers({ 'x-door': 'north' });
    expect(read({ headers }).json).to.deep.equal({ door: 'north' });
    expect(read({ headers, query: new URLSearchParams('door=north') }).json).to.deep.equal({ door: 'north' });
    expect(readerOf('GET', '/v1/shelves/s/books').read({ headers }).json).to.deep.equal({ shelf: 's' });
    const faultsBeside = (query: string) => read({ headers, query: new URLSearchParams(query) }).faults;
    const fault = { source: 'query', path: ['door'], input: undefined };
    expect(faultsBeside('door=south')).to.deep.equal([{ ...fault, rule: 'sent_twice' }]);
    expect(faultsBeside('door=')).to.deep.equal([{ ...fault, rule: 'sent_twice' }]);
  });
});
