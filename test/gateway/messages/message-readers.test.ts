import { fromBinary, fromJson, toBinary, type JsonObject } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { CreateCredentialRequestSchema } from '../../../gen/coffer/v1/credential_service_pb.ts';
import { createBinaryMessageReader } from '../../../src/gateway/messages/message-readers.ts';
import { readBinaryStruct } from '../../../src/gateway/messages/read-binary-struct.ts';
import { createJsonMessageReader } from '../../../src/gateway/messages/message-readers.ts';

const schema = CreateCredentialRequestSchema;
const readBinary = createBinaryMessageReader(schema);
const readJson = createJsonMessageReader(schema, { ignoreUnknownFields: true });

/** Secrets and metadata as JSON can spell them: no -0, which protobuf keeps, and JSON does not. */
const object = fc
  .dictionary(
    fc.string().filter((name) => name !== '__proto__'),
    fc.jsonValue({ maxDepth: 5 }),
  )
  .map((value): JsonObject => JSON.parse(JSON.stringify(value)));
const request = fc.record(
  {
    workspace_id: fc.string(),
    secret: object,
    credential: fc.record({ name: fc.string(), metadata: object, labels: fc.dictionary(fc.string(), fc.string()) }),
  },
  { requiredKeys: [] },
);

describe('a message with Structs', () => {
  it("is read from its binary format as protobuf's own reader reads it", () => {
    fc.assert(
      fc.property(request, (json) => {
        const bytes = toBinary(schema, fromJson(schema, json));
        expect(readBinary(bytes)).to.deep.equal(fromBinary(schema, bytes));
      }),
    );
  });

  it("is read from JSON as protobuf's own reader reads it", () => {
    fc.assert(
      fc.property(request, (json) => {
        expect(readJson(json)).to.deep.equal(fromJson(schema, json));
      }),
    );
  });

  it('is one message where its parts come several times', () => {
    const pieces = [{ secret: { a: { b: 1 }, c: [1] } }, { secret: { a: { d: 2 }, c: [2] }, workspace_id: 'w' }].map(
      (json) => toBinary(schema, fromJson(schema, json)),
    );
    const bytes = Buffer.concat([...pieces, toBinary(schema, fromJson(schema, { credential: { name: 'n' } }))]);
    expect(readBinary(bytes)).to.deep.equal(fromBinary(schema, bytes));
  });

  it('is refused wherever it is cut off, or is another one', () => {
    const bytes = toBinary(schema, fromJson(schema, { secret: { a: { b: [1, 'x', null, true, {}] } } }));
    const full = readBinary(bytes);
    for (let end = 1; end < bytes.length; end += 1) {
      const cut = bytes.subarray(0, end);
      expect(outcomeOf(() => readBinary(cut))).to.equal(outcomeOf(() => fromBinary(schema, cut)));
      expect(outcomeOf(() => readBinary(cut))).not.to.equal(JSON.stringify(full));
    }
  });

  it('is read or refused, and nothing else, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(typeof outcomeOf(() => readBinaryStruct(bytes))).to.equal('string');
      }),
    );
  });

  it('is refused where objects and lists are nested more than 64 deep', () => {
    expect(readBinaryStruct(structOf(63))).to.have.property('a');
    expect(() => readBinaryStruct(structOf(64))).to.throw('too deep');
  });

  // The tags of fields of a credential.
  const [tags, labels, metadata] = [0x52, 0x5a, 0x62];
  const empty = Buffer.alloc(0);
  const member = framed(0x0a, framed(0x0a, Buffer.from('a')));
  const list = (items: number) => framed(0x32, many(items, framed(0x0a, empty)));
  const memberOf = (value: Buffer) => framed(0x0a, framed(0x12, value));

  const tooMany: Readonly<Record<string, Buffer>> = {
    'members of a secret': framed(0x1a, many(40_000, member)),
    'items of a list in a secret': framed(0x1a, memberOf(list(70_000))),
    'objects in one another': framed(0x1a, memberOf(many(70_000, framed(0x2a, empty)))),
    'items of metadata': framed(0x12, framed(metadata, memberOf(list(70_000)))),
    tags: framed(0x12, many(70_000, framed(tags, empty))),
    labels: framed(0x12, many(40_000, framed(labels, framed(0x0a, Buffer.from('k'))))),
    'pieces of a credential': many(70_000, framed(0x12, empty)),
    'pieces of a secret': many(70_000, framed(0x1a, empty)),
    workspaces: many(70_000, framed(0x0a, empty)),
    'unknown fields': many(70_000, Buffer.from([0xf8, 0x7f, 0])),
  };
  for (const [what, bytes] of Object.entries(tooMany)) {
    it(`is refused with more of them than any request needs: ${what}`, () => {
      expect(() => readBinary(bytes)).to.throw(RangeError, 'too many');
    });
  }

  it('may have as many values as the largest secret in JSON', () => {
    expect(readBinaryStruct(memberOf(list(32_760)))).to.deep.equal({ '': Array.from({ length: 32_760 }, () => null) });
    expect(() => readBinary(framed(0x1a, memberOf(list(32_760))))).not.to.throw();
  });

  it('keeps a name that would set a prototype as a member', () => {
    const bytes = toBinary(StructSchema, fromJson(StructSchema, JSON.parse('{"__proto__":{"polluted":1}}')));
    const read = readBinaryStruct(bytes);
    expect(Object.keys(read)).to.deep.equal(['__proto__']);
    expect(Object.getPrototypeOf(read)).to.equal(Object.prototype);
  });

  it('leaves a member that is sent twice, or is no object, to what protobuf makes of it', () => {
    for (const json of [{ secret: null }, { secret: 5 }, { credential: { metadata: [] } }, { credential: null }]) {
      expect(outcomeOf(() => readJson(json))).to.equal(
        outcomeOf(() => fromJson(schema, json, { ignoreUnknownFields: true })),
      );
    }
  });
});

/** Lists within a Struct, of so many levels beside it. */
function structOf(levels: number): Uint8Array {
  let value: Buffer = Buffer.from([0x08, 0]);
  for (let level = 0; level < levels; level += 1) value = framed(0x32, framed(0x0a, value));
  return framed(0x0a, Buffer.concat([Buffer.from([0x0a, 1, 0x61]), framed(0x12, value)]));
}

function many(count: number, record: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => record));
}

function framed(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag, ...varintOf(content.length)]), content]);
}

function varintOf(number: number): number[] {
  return number < 128 ? [number] : [(number % 128) + 128, ...varintOf(Math.floor(number / 128))];
}

function outcomeOf(read: () => unknown): string {
  try {
    return JSON.stringify(read(), (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  } catch {
    return 'refused';
  }
}
