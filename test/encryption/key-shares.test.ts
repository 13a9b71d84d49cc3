import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { combineShares, formatShare, hashShare, parseShare, splitKey } from '../../src/encryption/key-shares.ts';

/** Multiplies in GF(256) with the polynomial of AES, by shifting and adding. @see https://csrc.nist.gov/pubs/fips/197/final */
function times(one: number, other: number): number {
  let product = 0;
  for (let [a, b] = [one, other]; b > 0; b >>= 1) {
    if (b & 1) product ^= a;
    a = (a << 1) ^ (a & 0x80 ? 0x11b : 0);
  }
  return product;
}

/** By Fermat: the inverse of x is x to the power of 254. */
function inverse(x: number): number {
  let power = 1;
  for (let index = 0; index < 254; index += 1) power = times(power, x);
  return power;
}

/** Lagrange's interpolation at 0 of the points (x, y): in this field adding and subtracting are the same. */
function atZero(points: readonly { readonly x: number; readonly y: number }[]): number {
  return points.reduce((sum, { x, y }) => {
    const others = points.filter((point) => point.x !== x);
    const basis = others.reduce((product, other) => times(product, times(other.x, inverse(other.x ^ x))), 1);
    return sum ^ times(y, basis);
  }, 0);
}

function interpolate(shares: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) =>
    atZero(shares.map((share) => ({ x: share[32] ?? 0, y: share[index] ?? 0 }))),
  );
}

const fingerprint = '00112233445566ff';

describe('the shares of a key', () => {
  for (const counts of [
    { shares: 2, threshold: 2 },
    { shares: 5, threshold: 3 },
    { shares: 20, threshold: 20 },
    { shares: 255, threshold: 2 },
  ]) {
    const { shares, threshold } = counts;
    it(`give it, ${threshold} of ${shares}, also by an independent interpolation`, async () => {
      const key = new Uint8Array(randomBytes(32));
      const split = await splitKey(key, fingerprint, counts);
      expect(split).to.have.length(shares);
      expect(new Set(split.map(({ bytes }) => bytes[32])).size, 'different points').to.equal(shares);
      for (const chosen of [split.slice(0, threshold), split.slice(-threshold).toReversed()]) {
        expect(await combineShares(chosen)).to.deep.equal(key);
        expect(interpolate(chosen.map(({ bytes }) => bytes))).to.deep.equal(key);
      }
    });
  }

  it('do not give it where one is missing, or of another split', async () => {
    const key = new Uint8Array(randomBytes(32));
    const [one, other] = [
      await splitKey(key, fingerprint, { shares: 5, threshold: 3 }),
      await splitKey(key, fingerprint, { shares: 5, threshold: 3 }),
    ];
    expect(await combineShares(one.slice(0, 2))).not.to.deep.equal(key);
    const points = new Set(one.slice(0, 2).map(({ bytes }) => bytes[32]));
    const foreign = other.find(({ bytes }) => !points.has(bytes[32]));
    if (!foreign) throw new Error('there is another point');
    expect(await combineShares([...one.slice(0, 2), foreign])).not.to.deep.equal(key);
  });

  it('are each one line with the fingerprint, the threshold, the bytes and a checksum', async () => {
    const [share] = await splitKey(new Uint8Array(randomBytes(32)), fingerprint, { shares: 3, threshold: 2 });
    if (!share) throw new Error('there is a share');
    const text = formatShare(share);
    expect(text).to.match(/^coffer-share-1:00112233445566ff:2:[\w-]{44}:[0-9a-f]{8}$/);
    expect(parseShare(` ${text}\n`)).to.deep.equal(share);
  });

  it('are of the printed form for ever', () => {
    const share = { fingerprint, threshold: 3, bytes: Uint8Array.from({ length: 33 }, (_, index) => index) };
    const text = 'coffer-share-1:00112233445566ff:3:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g:7574f23d';
    expect(formatShare(share)).to.equal(text);
    expect(Buffer.from(hashShare(share)).toString('hex')).to.equal(
      'fd3857628f14ffa55506d2db6ecf5a394e754f4e075fd6d236d1566d3d805347',
    );
  });

  it('are not parsed with any character changed', async () => {
    const [share] = await splitKey(new Uint8Array(randomBytes(32)), fingerprint, { shares: 2, threshold: 2 });
    const text = share ? formatShare(share) : '';
    for (let index = 0; index < text.length; index += 1) {
      const other = text[index] === 'b' ? 'c' : 'b';
      expect(parseShare(text.slice(0, index) + other + text.slice(index + 1)), `character ${index}`).to.equal(
        undefined,
      );
    }
    for (const wrong of ['', text.slice(1), `${text}0`, text.toUpperCase(), text.replace(':2:', ':02:')]) {
      expect(parseShare(wrong), wrong).to.equal(undefined);
    }
  });
});
