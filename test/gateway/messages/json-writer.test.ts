import { create, fromJson, toJson, type JsonObject } from '@bufbuild/protobuf';
import { StringValueSchema, ValueSchema } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import * as fc from 'fast-check';
import type { JsonStyle } from '../../../src/gateway/contract/dialect.ts';
import { createJsonWriters } from '../../../src/gateway/messages/json-writer.ts';
import {
  AuthorSchema,
  BookSchema,
  Book_Genre,
  EverythingSchema,
  ListBooksResponseSchema,
} from '../gen/example/v1/example_pb.ts';

const native: JsonStyle = { names: 'proto', unset: 'omit', int64: 'string', timestamp: 'rfc3339' };

function write(style: Partial<JsonStyle>, init: Parameters<typeof create<typeof EverythingSchema>>[1]) {
  const text = createJsonWriters({ ...native, ...style }).ofMessage(EverythingSchema)(create(EverythingSchema, init));
  return Object(JSON.parse(text));
}

/** JSON texts of an Everything, every member of it optional. */
function everythingJson() {
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
  const author = fc.record({ name: fc.string(), born: fc.integer({ min: -1000, max: 3000 }) });
  const genre = fc.constantFrom('GENRE_UNSPECIFIED', 'NOVEL', 'SCIENCE');
  const bytes = fc.uint8Array().map((array) => Buffer.from(array).toString('base64'));
  const struct = fc.dictionary(fc.string(), fc.jsonValue());
  const time = fc
    .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    .map((date) => date.toISOString());
  const choice = fc.constantFrom(
    { chosen_text: '' },
    { chosen_number: '0' },
    { chosen_wrapper: '7' },
    { chosen_struct: { a: 1 } },
    {},
  );
  const members = fc.record(
    {
      bool_field: fc.boolean(),
      int32_field: fc.integer(),
      sint64_field: int64,
      uint64_field: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
      fixed32_field: fc.nat(),
      float_field: fc.float({ noNaN: true, noDefaultInfinity: true }),
      double_field: fc.oneof(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.constantFrom('NaN', 'Infinity', '-Infinity'),
      ),
      string_field: fc.string(),
      bytes_field: bytes,
      enum_field: fc.oneof(genre, fc.constant(77)),
      message_field: author,
      optional_field: int64,
      list_field: fc.array(int64),
      enum_list: fc.array(genre),
      message_list: fc.array(author),
      string_map: fc.dictionary(fc.string(), int64),
      message_map: fc.dictionary(fc.integer().map(String), author),
      timestamp: time,
      struct,
      value: fc.jsonValue(),
      list_value: fc.array(fc.jsonValue()),
      int64_wrapper: int64,
      string_wrapper: fc.string(),
      bytes_wrapper: bytes,
      mask: fc.constantFrom('', 'a', 'fooBar,b'),
      struct_list: fc.array(struct),
      wrapper_list: fc.array(fc.string()),
      renamed: fc.string(),
      struct_map: fc.dictionary(fc.string(), struct),
      enum_map: fc.dictionary(fc.string(), genre),
      timestamp_list: fc.array(time),
    },
    { requiredKeys: [] },
  );
  return fc
    .tuple(members, choice)
    .map(([fields, chosen]): JsonObject => JSON.parse(JSON.stringify({ ...fields, ...chosen })));
}

describe('a message as JSON', () => {
  for (const names of ['proto', 'json'] as const) {
    it(`is what protobuf's own writer makes of it, with ${names} names`, () => {
      const writer = createJsonWriters({ ...native, names }).ofMessage(EverythingSchema);
      const options = { useProtoFieldName: names === 'proto', alwaysEmitImplicit: true };
      fc.assert(
        fc.property(everythingJson(), (json) => {
          const message = fromJson(EverythingSchema, json);
          const text = writer(message);
          const expected: unknown = JSON.parse(JSON.stringify(toJson(EverythingSchema, message, options)));
          expect(JSON.parse(text)).to.deep.equal(expected);
          expect(text, 'as JSON.stringify spells it').to.equal(JSON.stringify(JSON.parse(text)));
        }),
        { numRuns: 300 },
      );
    });
  }

  it('has null for what is not set, where the style requires it', () => {
    const json = write({ unset: 'null' }, {});
    expect(json).to.include({ optional_field: null, message_field: null, timestamp: null, struct: null, value: null });
    expect(json).to.include({ int64_wrapper: null, chosen_text: null, string_field: '', bool_field: false });
    expect(json).to.deep.include({ list_field: [], string_map: {} });
  });

  it('has nothing for what is not set, where the style requires it', () => {
    expect(write({ unset: 'omit' }, {})).not.to.have.any.keys(
      'optional_field',
      'message_field',
      'value',
      'chosen_text',
    );
  });

  it('has numbers for 64-bit integers, where the style requires it and a number can hold them', () => {
    const json = write(
      { int64: 'number' },
      { sint64Field: -5n, optionalField: 2n ** 53n, listField: [1n], int64Wrapper: 3n, stringMap: { a: 1n } },
    );
    expect(json).to.include({
      sint64_field: -5,
      optional_field: '9007199254740992',
      int64_wrapper: 3,
      uint64_field: 0,
    });
    expect(json).to.deep.include({ list_field: [1], string_map: { a: 1 } });
  });

  it('has milliseconds in every time, where the style requires it', () => {
    const timestamp = { seconds: 1_704_067_200n, nanos: 0 };
    expect(write({ timestamp: 'milliseconds' }, { timestamp }).timestamp).to.equal('2024-01-01T00:00:00.000Z');
    expect(write({ timestamp: 'rfc3339' }, { timestamp }).timestamp).to.equal('2024-01-01T00:00:00Z');
    const finer = { seconds: 1_704_067_200n, nanos: 123_456_789 };
    expect(write({ timestamp: 'milliseconds' }, { timestamp: finer }).timestamp).to.equal('2024-01-01T00:00:00.123Z');
    expect(write({ timestamp: 'rfc3339' }, { timestamp: finer }).timestamp).to.equal('2024-01-01T00:00:00.123456789Z');
  });

  it('keeps a member called __proto__ in a Struct and in a map', () => {
    const details: JsonObject = JSON.parse('{"__proto__": {"polluted": 1}, "$typeName": "x"}');
    const text = createJsonWriters(native).ofMessage(BookSchema)(
      create(BookSchema, { details, labels: JSON.parse('{"__proto__": "label"}') }),
    );
    expect(text).to.contain('"details":{"__proto__":{"polluted":1},"$typeName":"x"}');
    expect(text).to.contain('"labels":{"__proto__":"label"}');
    expect(Object.hasOwn(Object.prototype, 'polluted')).to.equal(false);
  });

  it('quotes what JSON has other meanings for, whole or half a character', () => {
    const writer = createJsonWriters(native).ofField(EverythingSchema.field.stringField);
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
      fc.constantFrom('"', '\\', '\n', '\u007f', '\u2028', '\ud800', '\udc00\ud800', '😀'),
    );
    const quoted = fc.property(texts, (stringField) => {
      expect(writer(create(EverythingSchema, { stringField }))).to.equal(JSON.stringify(stringField));
    });
    fc.assert(quoted, { numRuns: 500 });
  });

  it('is compiled for messages that hold their own kind', () => {
    const writer = createJsonWriters(native).ofMessage(ListBooksResponseSchema);
    const books = [{ id: 'B1', genre: Book_Genre.NOVEL }, { id: 'B2' }];
    const json: unknown = JSON.parse(writer(create(ListBooksResponseSchema, { books, query: 'q' })));
    expect(json).to.have.nested.property('books[0].genre', 'NOVEL');
    expect(json).to.have.nested.property('books[1].id', 'B2');
  });

  it('can be one field of it', () => {
    const field = ListBooksResponseSchema.field.books;
    const writer = createJsonWriters(native).ofField(field);
    const books: unknown = JSON.parse(writer(create(ListBooksResponseSchema, { books: [{ id: 'B1' }] })));
    expect(books).to.have.nested.property('[0].id', 'B1');
    const unset = createJsonWriters(native).ofField(EverythingSchema.field.messageField);
    const author = unset(create(EverythingSchema, { messageField: create(AuthorSchema, { name: 'n' }) }));
    expect(JSON.parse(author)).to.have.property('name', 'n');
    expect(unset(create(EverythingSchema))).to.equal('null');
  });

  it('writes wrappers in a list and a Value that is null', () => {
    const wrapperList = [create(StringValueSchema, { value: 'a' })];
    const value = create(ValueSchema, { kind: { case: 'nullValue', value: 0 } });
    const json = write({ unset: 'omit' }, { wrapperList, value });
    expect(json).to.deep.include({ wrapper_list: ['a'], value: null });
  });
});
