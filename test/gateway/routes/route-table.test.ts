import { create, getOption, setExtension } from '@bufbuild/protobuf';
import type { DescMethodUnary } from '@bufbuild/protobuf';
import { MethodOptionsSchema } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import { http } from '../../../gen/google/api/annotations_pb.ts';
import { HttpRuleSchema } from '../../../gen/google/api/http_pb.ts';
import type { Dialect } from '../../../src/gateway/contract/dialect.ts';
import { createRouteTable } from '../../../src/gateway/routes/route-table.ts';
import type { BoundRpc } from '../../../src/gateway/contract/bound-rpc.ts';
import { LibraryService } from '../gen/example/v1/example_pb.ts';
import { createLibrary } from '../library.ts';

type Rule = Parameters<typeof create<typeof HttpRuleSchema>>[1];

/** An rpc with another annotation than its proto file gives it. */
function withRule(method: DescMethodUnary, rule: Rule): BoundRpc {
  const options = create(MethodOptionsSchema);
  setExtension(options, http, create(HttpRuleSchema, rule));
  const copy = { ...method, proto: { ...method.proto, options } };
  return { method: copy, access: { kind: 'public' }, invoke: () => Promise.reject(new Error('not called')) };
}

function dialectOf(name: string, ...rpcs: BoundRpc[]): Dialect {
  return { ...createLibrary({}, name).dialect, rpcs };
}

const get = (value: string) => ({ case: 'get' as const, value });

const { getBook, createBook, listBooks, lendBook } = LibraryService.method;

describe('the route table', () => {
  const table = createRouteTable([createLibrary().dialect]);

  const found: [method: string, path: string, rpc: string][] = [
    ['POST', '/v1/shelves/1/books', 'CreateBook'],
    ['GET', '/v1/shelves/1/books', 'ListBooks'],
    ['GET', '/v1/shelves/1/books/', 'ListBooks'],
    ['GET', '/v1/shelves/1/books/2', 'GetBook'],
    ['GET', '/v1/books/name/a/b', 'GetBook'],
    ['POST', '/v1/books/name/a/b/text', 'ReadBook'],
    ['PATCH', '/v1/shelves/1/books/2', 'UpdateBook'],
    ['POST', '/v1/shelves/1/books/2:lend', 'LendBook'],
    ['POST', '/v1/shelves/1/books:lendAll', 'LendBooks'],
    ['GET', '/v1/status', 'GetStatus'],
    ['GET', '/library/v1/status/', 'GetStatus'],
    ['GET', '/library/v1/shelves/1/books/2', 'GetBook'],
  ];
  for (const [httpMethod, path, rpc] of found) {
    it(`answers ${httpMethod} ${path} by ${rpc}`, () => {
      const match = table.match(httpMethod, path);
      expect(match.kind).to.equal('found');
      const names = match.kind === 'found' ? match.candidates.map(({ entry }) => entry.rpc.method.name) : [];
      expect(names).to.deep.equal([rpc]);
    });
  }

  it('lists the methods of a path', () => {
    const match = table.match('DELETE', '/v1/shelves/1/books');
    expect(match.kind).to.equal('method_not_allowed');
    const allowed = match.kind === 'method_not_allowed' ? [...match.allow.values()] : [];
    expect(allowed).to.deep.equal([['GET', 'HEAD', 'POST']]);
  });

  it('looks on for the method where a more specific path has not got it', () => {
    const library = dialectOf(
      'library',
      withRule(getBook, { pattern: { case: 'get', value: '/v1/name/{name=**}' } }),
      withRule(lendBook, { pattern: { case: 'post', value: '/v1/{id}/secret' } }),
    );
    expect(createRouteTable([library]).match('POST', '/v1/name/secret')).to.have.property('kind', 'found');
  });

  it('finds by the beginning of a path whose it is', () => {
    const other = dialectOf('other', withRule(getBook, { pattern: { case: 'get', value: '/v5/books' } }));
    const both = createRouteTable([createLibrary().dialect, other]);
    expect(both.match('GET', '/v5/nope')).to.have.nested.property('dialects[0].name', 'other');
    expect(both.match('GET', '/other/nope')).to.have.nested.property('dialects[0].name', 'other');
    expect(both.match('GET', '/v1/shelves')).to.have.nested.property('dialects[0].name', 'library');
    expect(both.match('GET', '/elsewhere')).to.deep.include({ dialects: [] });
  });

  it('holds several candidates for a path that dialects share', () => {
    const other = dialectOf('other', withRule(getBook, { pattern: { case: 'get', value: '/v1/shelves/{id}/books/' } }));
    const match = createRouteTable([createLibrary().dialect, other]).match('GET', '/v1/shelves/1/books');
    const candidates = match.kind === 'found' ? match.candidates : [];
    expect(candidates.map(({ entry }) => entry.dialect.name)).to.deep.equal(['library', 'other']);
    expect(candidates.map(({ variables }) => variables)).to.deep.equal([{ shelf: '1' }, { id: '1' }]);
  });

  it('has no route for an rpc without an annotation', () => {
    expect(table.routes.map(({ rpc }) => rpc.method.name)).not.to.include('Whisper');
  });

  it('reads additional bindings out of the annotations', () => {
    expect(getOption(getBook, http).additionalBindings).to.have.length(1);
    expect(table.routes.filter(({ rpc }) => rpc.method === getBook)).to.have.length(4);
  });

  const refused: Record<string, BoundRpc[]> = {
    'a method of its own': [withRule(getBook, { pattern: { case: 'custom', value: { kind: 'HEAD', path: '/v1' } } })],
    'no method': [withRule(getBook, {})],
    'a selector': [withRule(getBook, { selector: 'x', pattern: get('/v1') })],
    'a path variable that is no field': [withRule(getBook, { pattern: get('/v1/{nope}') })],
    'a path variable that is a list': [withRule(lendBook, { pattern: get('/v1/{ids}') })],
    'a path variable that is a message': [withRule(createBook, { pattern: get('/v1/{author}') })],
    'a path variable within a scalar': [withRule(getBook, { pattern: get('/v1/{id.x}') })],
    'a body that is no field': [withRule(createBook, { body: 'nope', pattern: { case: 'post', value: '/v1' } })],
    'a body in a GET request': [withRule(listBooks, { body: '*', pattern: get('/v1') })],
    'a response_body that is no field': [withRule(listBooks, { responseBody: 'nope', pattern: get('/v1') })],
    'bindings within bindings': [
      withRule(getBook, {
        pattern: get('/v1'),
        additionalBindings: [{ pattern: get('/v2'), additionalBindings: [{ pattern: get('/v3') }] }],
      }),
    ],
    'the same route twice': [
      withRule(getBook, { pattern: get('/v1/{id}') }),
      withRule(listBooks, { pattern: get('/v1/{shelf}/') }),
    ],
  };
  for (const [title, rpcs] of Object.entries(refused)) {
    it(`refuses ${title} at start-up, and names the rpc`, () => {
      expect(() => createRouteTable([dialectOf('library', ...rpcs)])).to.throw(
        Error,
        /example\.v1\.LibraryService\.\w+/,
      );
    });
  }
});
