import { expect } from 'chai';
import { createHash } from 'node:crypto';

import { blake2b } from './independent.ts';
import { hex } from './fixtures.ts';

describe('the independent BLAKE2b', () => {
  it('gives the example of RFC 7693, appendix A', () => {
    expect(hex(blake2b(Buffer.from('abc'), new Uint8Array(), 64))).to.equal(
      'ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1' +
        '7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923',
    );
  });

  it('agrees with OpenSSL at lengths around its blocks', () => {
    for (const length of [0, 1, 127, 128, 129, 256, 1000]) {
      const message = Buffer.alloc(length, 7);
      const expected = createHash('blake2b512').update(message).digest('hex');
      expect(hex(blake2b(message, new Uint8Array(), 64)), `${length} bytes`).to.equal(expected);
    }
  });

  it('gives the keyed example of the reference implementation', () => {
    const key = Uint8Array.from({ length: 64 }, (_, index) => index);
    expect(hex(blake2b(Uint8Array.of(0, 1, 2), key, 64))).to.equal(
      '33d0825dddf7ada99b0e7e307104ad07ca9cfd9692214f1561356315e784f3e5' +
        'a17e364ae9dbb14cb2036df932b77f4b292761365fb328de7afdc6d8998f5fc1',
    );
  });
});
