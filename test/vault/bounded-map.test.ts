import { expect } from 'chai';
import { BoundedMap } from '../../src/vault/bounded-map.ts';

describe('a bounded map', () => {
  let map: BoundedMap<string, number>;

  beforeEach(() => {
    map = new BoundedMap(2);
    map.set('a', 1).set('b', 2);
  });

  it('drops its oldest entry for a new one', () => {
    map.set('c', 3);
    expect([...map]).to.deep.equal([
      ['b', 2],
      ['c', 3],
    ]);
  });

  it('keeps an entry that was used or replaced since', () => {
    expect(map.use('a')).to.equal(1);
    map.set('c', 3);
    expect([...map.keys()]).to.deep.equal(['a', 'c']);
    map.set('a', 4).set('d', 5);
    expect([...map]).to.deep.equal([
      ['a', 4],
      ['d', 5],
    ]);
  });

  it('does not find what it does not have', () => {
    expect(map.use('c')).to.equal(undefined);
    expect(map.size).to.equal(2);
  });
});
