import { fromBinary, fromJson, toBinary, type JsonObject } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { CreateCredentialRequestSchema } from '../../../gen/coffer/v1/credential_service_pb.ts';
import { createBinaryMessageReader } from '../../../src/gateway/messages/read-binary-message.ts';
import { readBinaryStruct } from '../../../src/gateway/messages/read-binary-struct.ts';
import { createJsonMessageReader } from '../../../src/gateway/messages/read-json-message.ts';

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

  it('keeps a name that would set a prototype as a member', () => {
    const bytes = toBinary(StructSchema, fromJson(StructSchema, JSON.parse('{"__proto__":{"polluted":1}}')));
    const read = readBinaryStruct(bytes);
    expect(Object.keys(read)).to.deep.equal(['__proto__']);
    expect(Object.getPrototypeOf(read)).to.equal(Object.prototype);
  });

  it('leaves a member that is spelt twice, or is no object, to what protobuf makes of it', () => {
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

function framed(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const prefix = length < 128 ? [length] : [(length % 128) + 128, Math.floor(length / 128)];
  return Buffer.concat([Buffer.from([tag, ...prefix]), content]);
}

function outcomeOf(read: () => unknown): string {
  try {
    return JSON.stringify(read(), (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  } catch {
    return 'refused';
  }
}
