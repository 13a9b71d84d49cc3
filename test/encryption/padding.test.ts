import { expect } from 'chai';
import * as fc from 'fast-check';

import { paddedBytesMin, paddedLength, padText, unpad } from '../../src/encryption/padding.ts';

const lengths = Array.from({ length: 70_000 }, (_, index) => index + 1);

describe('padding', () => {
  it('makes every short content equally long', () => {
    expect(new Set(lengths.slice(0, paddedBytesMin).map(paddedLength))).to.deep.equal(new Set([64]));
  });

  it('never shortens, and never lets a longer content look shorter', () => {
    for (const length of lengths) {
      expect(paddedLength(length), `${length} bytes`).to.be.within(length, paddedLength(length + 1));
    }
  });

  it('adds at most 12 % above the least length', () => {
    const overhead = lengths.slice(paddedBytesMin).map((length) => paddedLength(length) / length - 1);
    expect(overhead.reduce((greatest, one) => Math.max(greatest, one), 0)).to.be.within(0.1, 0.12);
  });

  it('leaks no more than steps: some hundred lengths stand for all up to 70,000', () => {
    expect(new Set(lengths.map(paddedLength)).size).to.be.within(2, 150);
  });

  it('leaves a padded length as it is', () => {
    for (const length of lengths) expect(paddedLength(paddedLength(length))).to.equal(paddedLength(length));
  });

  it('gives back every text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (text) => {
        expect(Buffer.from(unpad(padText(text)) ?? []).toString()).to.equal(text);
      }),
    );
  });

  it('gives back a content that looks like padding itself', () => {
    const padded = Buffer.alloc(64);
    padded.set([0x80, 0x00, 0x80]);
    expect(unpad(padded)).to.deep.equal(Buffer.of(0x80, 0x00));
  });

  it('refuses what is not its own', () => {
    const wrong = {
      empty: [],
      'zeros alone': Array.from({ length: 64 }, () => 0),
      'another terminator': [1, 0x81, ...Array.from({ length: 62 }, () => 0)],
      'too long for its content': [1, 0x80, ...Array.from({ length: 70 }, () => 0)],
      'too short': [1, 0x80, 0],
    };
    for (const [name, bytes] of Object.entries(wrong)) expect(unpad(Uint8Array.from(bytes)), name).to.equal(undefined);
  });
});
