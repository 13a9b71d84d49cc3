import { expect } from 'chai';

import { RandomPool } from '../../src/encryption/random.ts';
import { hex } from './fixtures.ts';

describe('the pool of random bytes', () => {
  it('gives as many bytes as are asked for, also more than it pools', () => {
    const pool = new RandomPool(64);
    for (const length of [0, 1, 24, 63, 64, 65, 1000]) expect(pool.take(length)).to.have.lengthOf(length);
  });

  it('hands out no byte twice, within a filling and across fillings', () => {
    const pool = new RandomPool(64);
    const seen = Array.from({ length: 1000 }, () => hex(pool.take(24)));
    expect(new Set(seen).size).to.equal(seen.length);
  });

  it('gives random bytes to the last one', () => {
    const pool = new RandomPool(64);
    const lastBytes = new Set(Array.from({ length: 1000 }, () => pool.take(64).at(-1)));
    expect(lastBytes.size).to.be.greaterThan(100);
  });

  it('gives arrays that share no memory, so that wiping one does not touch another', () => {
    const pool = new RandomPool(64);
    const first = pool.take(24);
    const second = pool.take(24);
    first.fill(0);
    expect(hex(second)).not.to.equal(hex(first));
    expect(first.buffer).not.to.equal(second.buffer);
    expect(first.buffer.byteLength).to.equal(24);
  });
});
