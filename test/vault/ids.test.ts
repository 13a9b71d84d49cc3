import { expect } from 'chai';
import * as fc from 'fast-check';
import { parseId, parseReference, refersTo, shortIdOf, formatShortId, uuidV7 } from '../../src/vault/ids.ts';

const id = '018cc251-f400-7123-8abc-def012345678';

describe('ids', () => {
  it('formats the last sixteen hex digits of an id as its short id, in upper case', () => {
    expect(shortIdOf(id)).to.equal('8ABCDEF012345678');
    expect(formatShortId('credential', id)).to.equal('CRD-8ABCDEF012345678');
    expect(formatShortId('workspace', id)).to.equal('WSP-8ABCDEF012345678');
    expect(formatShortId('user', id)).to.equal('USR-8ABCDEF012345678');
  });

  it('reads both spellings of an id, and a UUID in upper case', () => {
    expect(parseReference('credential', id)).to.deep.equal({ id });
    expect(parseReference('credential', id.toUpperCase())).to.deep.equal({ id });
    expect(parseReference('credential', 'CRD-8ABCDEF012345678')).to.deep.equal({ shortId: '8ABCDEF012345678' });
  });

  for (const text of [
    '',
    'x',
    'CRD-',
    'CRD-8ABCDEF01234567',
    'crd-8ABCDEF012345678',
    'WSP-8ABCDEF012345678',
    `${id} `,
    `{${id}}`,
  ]) {
    it(`does not take ${JSON.stringify(text)} for the id of a credential`, () => {
      expect(parseReference('credential', text)).to.equal(undefined);
    });
  }

  it('reads a whole id in any case of letters, and takes nothing else for one', () => {
    expect(parseId(id.toUpperCase())).to.equal(id);
    for (const text of ['', 'x', 'CRD-8ABCDEF012345678', `${id}0`, ` ${id}`, `${id}\n`]) {
      expect(parseId(text), JSON.stringify(text)).to.equal(undefined);
    }
  });

  it('refers to an id by either spelling, and to no other', () => {
    const other = '018cc251-f400-7123-8abc-def012345679';
    expect(refersTo({ id }, id)).to.equal(true);
    expect(refersTo({ shortId: shortIdOf(id) }, id)).to.equal(true);
    expect(refersTo({ id }, other)).to.equal(false);
    expect(refersTo({ shortId: shortIdOf(id) }, other)).to.equal(false);
  });

  it('formats the UUIDv7 that RFC 9562 gives as its example', () => {
    const random = Uint8Array.from([0xcc, 0x31, 0x8c, 0x4d, 0xc0, 0xc0, 0xc0, 0x73, 0x98, 0xf0]);
    const formatted = uuidV7(0x017f22e279b0, random);
    expect(formatted).to.equal('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });

  it('formats a version 7 UUID of the RFC variant whose order is that of time', () => {
    const bytes = fc.uint8Array({ minLength: 10, maxLength: 10 });
    const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
    fc.assert(
      fc.property(time, time, bytes, bytes, (one, other, random, otherRandom) => {
        const first = uuidV7(one, random);
        expect(first).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        if (one < other) expect(first < uuidV7(other, otherRandom)).to.equal(true);
      }),
    );
  });
});
