import { expect } from 'chai';

import { decodeSealed, encodeSealed } from '../../src/encryption/sealed-format.ts';
import { CountingBytes, cutOnes, refusalOf } from './fixtures.ts';

describe('the sealed format', () => {
  const bytes = new CountingBytes();
  const parts = { keyId: bytes.take(8), commitment: bytes.take(32), nonce: bytes.take(24), box: bytes.take(80) };

  it('begins with its version, and holds the parts in their order', () => {
    expect(encodeSealed(parts)).to.deep.equal(
      new Uint8Array([1, ...parts.keyId, ...parts.commitment, ...parts.nonce, ...parts.box]),
    );
  });

  it('separates the parts again', () => {
    expect(decodeSealed(encodeSealed(parts))).to.deep.equal(parts);
  });

  it('does not lay out parts of other lengths', () => {
    for (const name of ['keyId', 'commitment', 'nonce', 'box']) {
      expect(() => encodeSealed({ ...parts, [name]: new Uint8Array(7) }), name).to.throw();
    }
  });

  it('refuses every version but its own', () => {
    const sealed = encodeSealed(parts);
    for (let version = 0; version < 256; version++) {
      sealed[0] = version;
      const expected = version === 1 ? undefined : 'format_unknown';
      const refusal = refusalOf(() => decodeSealed(sealed));
      expect(refusal, `version ${version}`).to.equal(expected);
    }
  });

  it('refuses bytes that are too few for the least secret', () => {
    const sealed = encodeSealed(parts);
    for (const cut of cutOnes(sealed)) expect(refusalOf(() => decodeSealed(cut))).to.equal('format_invalid');
  });
});
