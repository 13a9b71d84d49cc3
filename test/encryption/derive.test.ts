import * as fc from 'fast-check';
import { expect } from 'chai';
import { encodeInput, type DerivationPart, type MacField } from '../../src/encryption/derive.ts';

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ unit: 'grapheme', maxLength: 300 }));
const part = fc.oneof(text, fc.uint8Array({ maxLength: 300 }));
const field = fc.option(part);

/** As `docs/sealed-format.md` says it, a buffer at a time. */
function inputOf(parts: readonly DerivationPart[], fields: readonly MacField[]): Buffer {
  const marked = fields.map((one) => (one === null ? Buffer.of(0) : Buffer.concat([Buffer.of(1), Buffer.from(one)])));
  return Buffer.concat(
    [...parts, ...marked].flatMap((one) => {
      const bytes = Buffer.from(one);
      return [Buffer.from(bytes.length.toString(16).padStart(8, '0'), 'hex'), bytes];
    }),
  );
}

describe('what is hashed', () => {
  it('is laid out as in the format, whatever the parts and fields are', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), fc.array(field, { maxLength: 8 }), (parts, fields) => {
        expect(Buffer.from(encodeInput(parts, fields)).equals(inputOf(parts, fields))).to.equal(true);
      }),
    );
  });

  it('has room for text whose every character takes the most bytes', () => {
    for (const character of ['\u0000', 'a', 'ä', '\u0800', '\uffff', '😀', '\ud800', '\udc00']) {
      const long = character.repeat(5000);
      expect(
        Buffer.from(encodeInput([long], [long])).equals(inputOf([long], [long])),
        JSON.stringify(character),
      ).to.equal(true);
    }
  });

  it('is nothing where there are neither parts nor fields', () => {
    expect(encodeInput([], [])).to.have.lengthOf(0);
  });
});
