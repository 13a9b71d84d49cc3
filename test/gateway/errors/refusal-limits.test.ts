import { expect } from 'chai';
import * as fc from 'fast-check';
import { quote, quotedBytesMax } from '../../../src/gateway/errors/refusal-limits.ts';

describe('a text that a refusal quotes', () => {
  const cases: [title: string, text: string, quoted: string][] = [
    ['stays as it is up to 256 bytes', 'x'.repeat(256), 'x'.repeat(256)],
    ['is cut behind 256 bytes', 'x'.repeat(257), 'x'.repeat(256)],
    ['is cut before a code point that does not fit', `${'x'.repeat(255)}ä`, 'x'.repeat(255)],
    ['is cut before a surrogate pair that does not fit', `${'x'.repeat(253)}😀`, 'x'.repeat(253)],
    ['keeps a surrogate pair that fits', `${'x'.repeat(252)}😀y`, `${'x'.repeat(252)}😀`],
  ];
  for (const [title, text, quoted] of cases) it(title, () => expect(quote(text)).to.equal(quoted));

  it('is its own beginning, and takes 256 bytes of UTF-8 at most, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const quoted = quote(text);
        expect(text.startsWith(quoted)).to.equal(true);
        expect(Buffer.byteLength(quoted)).to.be.at.most(quotedBytesMax);
        expect(quoted.isWellFormed()).to.equal(true);
      }),
    );
  });
});
