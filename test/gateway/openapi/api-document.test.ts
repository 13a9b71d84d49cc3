import { Validator } from '@seriousme/openapi-schema-validator';
import { expect } from 'chai';
import type { Dialect, RestStyle } from '../../../src/gateway/contract/dialect.ts';
import { createApiDocument } from '../../../src/gateway/openapi/api-document.ts';
import type { Documentation } from '../../../src/gateway/contract/documentation.ts';
import { createRouteTable } from '../../../src/gateway/routes/route-table.ts';
import type { JsonObject, JsonValue } from '../../../src/vault/json.ts';
import { memberOf } from '../../support/json.ts';
import { createLibrary } from '../library.ts';

const books = '/v1/shelves/{shelf}/books';

function documentOf(documentation?: Partial<Documentation>, style: Partial<RestStyle> = {}): JsonObject {
  const { dialect } = createLibrary(style);
  const documented: Dialect = documentation
    ? { ...dialect, documentation: { title: 'Library', ...documentation } }
    : dialect;
  const other = createLibrary({}, 'other').dialect;
  return createApiDocument(documented, createRouteTable([documented, other]).routes);
}

function schemaOf(document: JsonObject, name: string): JsonValue {
  return memberOf(document, 'components', 'schemas', name);
}

function member(document: JsonObject, schema: string, name: string): JsonValue {
  return memberOf(schemaOf(document, schema), 'properties', name);
}

describe('the API document of a dialect', () => {
  const document = documentOf();
  const withNulls = documentOf(
    {},
    { json: { names: 'json', unset: 'null', int64: 'number', timestamp: 'rfc3339' }, unknownMembers: 'refuse' },
  );

  it('is valid, whatever the dialect adds to it', async () => {
    for (const one of [document, withNulls]) {
      const { errors } = await new Validator().validate(structuredClone({ ...one }));
      expect(errors).to.equal(undefined);
    }
  });

  it('has the routes of its own dialect, on their documented paths only', () => {
    expect(memberOf(document, 'paths')).to.have.all.keys(
      books,
      '/v1/shelves/{shelf}/books/{id}',
      '/v1/books/name/{name}',
      '/v1/books/name/{name}/text',
      '/v1/shelves/{shelf}/books/{book.id}',
      '/v1/shelves/{shelf}/books/{id}:lend',
      '/v1/shelves/{shelf}/books:lendAll',
      '/v1/status/',
      '/v1/wait',
    );
  });

  it('shows each further binding of an rpc as a separate operation', () => {
    const ids = ['/v1/shelves/{shelf}/books/{id}', '/v1/books/name/{name}'].map((path) =>
      memberOf(document, 'paths', path, 'get', 'operationId'),
    );
    expect(ids).to.deep.equal(['LibraryService_GetBook', 'LibraryService_GetBook_2']);
  });

  it('takes what the path holds out of the body, and leaves the rest to it', () => {
    expect(schemaOf(document, 'CreateBookRequest')).to.have.property('properties').that.includes.keys('title', 'text');
    expect(schemaOf(document, 'CreateBookRequest')).to.have.property('properties').that.does.not.have.property('shelf');
    const body = memberOf(document, 'paths', books, 'post', 'requestBody');
    expect(body).to.have.property('required', true);
  });

  it('shows a body that is one field, and the other fields as parameters', () => {
    const operation = memberOf(document, 'paths', '/v1/shelves/{shelf}/books/{book.id}', 'patch');
    const schema = memberOf(operation, 'requestBody', 'content', 'application/json', 'schema');
    expect(schema).to.deep.equal({ $ref: '#/components/schemas/BookInput' });
    expect(JSON.stringify(memberOf(operation, 'parameters')))
      .to.include('"book.id"')
      .and.include('"update_mask"');
  });

  it('has no body for a route that takes none', () => {
    const operation = memberOf(document, 'paths', '/v1/shelves/{shelf}/books/{id}:lend', 'post');
    expect(operation).not.to.have.property('requestBody');
  });

  it('lists the parameters of a query with their rules, nested ones behind a dot, and headers', () => {
    const parameters = memberOf(document, 'paths', books, 'get', 'parameters');
    expect(parameters).to.deep.include.members([
      { name: 'shelf', in: 'path', required: true, schema: { type: 'string' } },
      {
        name: 'page_size',
        in: 'query',
        required: false,
        schema: { type: 'integer', format: 'int32', minimum: 0, maximum: 1000 },
      },
      { name: 'tags', in: 'query', required: false, schema: { type: 'array', items: { type: 'string' } } },
      { name: 'genre', in: 'query', required: false, schema: { $ref: '#/components/schemas/BookGenre' } },
      { name: 'mask', in: 'query', required: false, schema: { type: 'string' } },
      { name: 'author.born', in: 'query', required: false, schema: { type: 'integer', format: 'int32' } },
    ]);
    expect(memberOf(document, 'paths', '/v1/status/', 'get', 'parameters')).to.deep.include({
      name: 'x-door',
      in: 'header',
      required: false,
      schema: { type: 'string' },
    });
  });

  it('describes the rules of members in JSON Schema', () => {
    expect(member(document, 'CreateBookRequest', 'title')).to.deep.equal({
      type: 'string',
      minLength: 1,
      maxLength: 20,
    });
    expect(member(document, 'CreateBookRequest', 'tags')).to.deep.equal({
      type: 'array',
      items: { type: 'string', maxLength: 5 },
      maxItems: 3,
    });
    expect(member(document, 'CreateBookRequest', 'pages')).to.include({ minimum: 0, maximum: 1000 });
    expect(schemaOf(document, 'Kind')).to.deep.equal({ type: 'string', enum: ['', 'paper', 'audio'] });
    expect(schemaOf(document, 'CreateBookRequest')).to.have.deep.property('required', ['title', 'text']);
  });

  it('describes every kind of value as the writer writes it', () => {
    expect(member(document, 'Book', 'copies')).to.deep.equal({ type: 'string', format: 'int64' });
    expect(member(withNulls, 'Book', 'copies')).to.deep.equal({ type: 'integer', format: 'int64' });
    expect(member(document, 'Book', 'cover')).to.deep.equal({ type: 'string', contentEncoding: 'base64' });
    expect(member(document, 'Book', 'note')).to.deep.equal({});
    expect(member(document, 'Book', 'details')).to.deep.equal({ type: 'object', additionalProperties: true });
    expect(member(document, 'Book', 'labels')).to.deep.equal({
      type: 'object',
      additionalProperties: { type: 'string' },
    });
  });

  it('states which members of an answer are always there, and which may be null', () => {
    expect(memberOf(schemaOf(document, 'Book'), 'required'))
      .to.include('tags')
      .and.not.include('subtitle');
    expect(member(document, 'Book', 'subtitle')).to.deep.equal({ type: 'string' });
    expect(member(withNulls, 'Book', 'subtitle')).to.deep.equal({ anyOf: [{ type: 'string' }, { type: 'null' }] });
    expect(member(withNulls, 'Book', 'printedAt')).to.have.nested.property('anyOf[1].type', 'null');
    const quiet = documentOf(
      { nulls: 'hidden' },
      { json: { names: 'proto', unset: 'null', int64: 'number', timestamp: 'rfc3339' } },
    );
    expect(member(quiet, 'Book', 'subtitle')).to.deep.equal({ type: 'string' });
    expect(memberOf(schemaOf(quiet, 'Book'), 'required')).to.include('subtitle');
  });

  it('forbids unknown members of a request where they are refused, never those of an answer', () => {
    expect(schemaOf(withNulls, 'CreateBookRequest')).to.have.property('additionalProperties', false);
    expect(schemaOf(withNulls, 'Book')).not.to.have.property('additionalProperties');
    expect(schemaOf(document, 'CreateBookRequest')).not.to.have.property('additionalProperties');
  });

  it('marks secrets', () => {
    expect(member(document, 'CreateBookRequest', 'text')).to.include({ format: 'password', writeOnly: true });
    expect(member(document, 'CreateBookRequest', 'notes')).to.include({ type: 'object', writeOnly: true });
  });

  it('answers with one field, and with the status of the dialect', () => {
    const schema = ['responses', '200', 'content', 'application/json', 'schema'];
    expect(memberOf(document, 'paths', books, 'get', ...schema)).to.have.property('type', 'array');
    expect(memberOf(document, 'paths', books, 'post', 'responses')).to.have.all.keys('201');
  });

  it('contains what the dialect object adds', () => {
    const added = documentOf({
      comments: {
        'example.v1.LibraryService': 'Books.',
        'example.v1.LibraryService.ListBooks': 'Lists them.',
        'example.v1.Book.id': 'Output only. A number.',
      },
      tags: { LibraryService: 'Books' },
      operationId: ({ httpMethod, path }) => `${httpMethod} ${path}`,
      securitySchemes: { key: { type: 'http', scheme: 'bearer' }, other: { type: 'http', scheme: 'basic' } },
      parameters: [{ name: 'x-shelf', in: 'header', schema: { type: 'string' } }],
      schemaNames: { Book: 'Volume' },
      members: {
        'Book.title': { schema: { type: null, $ref: '#/components/schemas/Title' } },
        tags: { required: false },
      },
      envelope: (answer) => ({ type: 'object', properties: { answer } }),
      errors: ({ name }) => (name === 'ListBooks' ? [{ status: 418, description: 'No tea', schema: {} }] : []),
      schemas: { Title: { type: 'string' } },
    });
    const operation = memberOf(added, 'paths', books, 'get');
    expect(operation).to.deep.include({
      tags: ['Books'],
      summary: 'List Books',
      description: 'Lists them.',
      operationId: `GET ${books}`,
      security: [{ key: [] }, { other: [] }],
    });
    expect(memberOf(operation, 'parameters')).to.deep.include({
      name: 'x-shelf',
      in: 'header',
      schema: { type: 'string' },
    });
    expect(memberOf(operation, 'responses', '418')).to.have.property('description', 'No tea');
    expect(JSON.stringify(memberOf(operation, 'responses', '200'))).to.include('"answer":{"type":"array"');
    expect(member(added, 'Volume', 'title')).to.deep.equal({ $ref: '#/components/schemas/Title' });
    expect(member(added, 'Volume', 'id')).to.have.property('description', 'A number.');
    expect(member(added, 'VolumeInput', 'id')).to.include({ readOnly: true, description: 'A number.' });
    expect(memberOf(schemaOf(added, 'Volume'), 'required')).not.to.include('tags');
    expect(memberOf(added, 'tags')).to.deep.equal([{ name: 'Books', description: 'Books.' }]);
    expect(memberOf(added, 'paths', '/v1/status/', 'get', 'security')).to.deep.equal([]);
  });
});
