import { expect } from 'chai';
import { networkOf } from '../../src/vault/network.ts';

describe('the network of an address', () => {
  const same: readonly [string, string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1', '::ffff:192.0.2.1'],
    ['192.0.2.1', '::FFFF:192.0.2.1'],
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
    ['2001:db8:1:2::1', '2001:DB8:1:2::9'],
    ['2001:db8::1', '2001:db8::2'],
    ['2001:db8::1', '2001:db8:0:0:3::'],
    ['::1', '::2'],
    ['fe80::1%eth0', 'fe80::2%eth0'],
    ['a'.repeat(10_000), `${'a'.repeat(10_000)}b`],
  ];
  for (const [one, other] of same) {
    it(`is the same of ${one.slice(0, 40)} and ${other.slice(0, 40)}`, () => {
      expect(networkOf(one)).to.equal(networkOf(other));
    });
  }

  const different: readonly [string, string][] = [
    ['192.0.2.1', '192.0.2.2'],
    ['192.0.2.1', '::ffff:192.0.2.2'],
    ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['2001:db8::1', '2001:db8:0:1::1'],
    ['2001:db8:1::1', '2001:db8::1:0:0:1'],
    ['::1', '2001:db8::1'],
    ['::1', '127.0.0.1'],
    ['1::', '::1:0:0:0:0:0'],
  ];
  for (const [one, other] of different) {
    it(`is another one of ${one} and ${other}`, () => {
      expect(networkOf(one)).not.to.equal(networkOf(other));
    });
  }

  it('may be anything that a proxy sends, and is never long', () => {
    for (const odd of ['', ':', '::', ':::', '1::2::3', 'unknown', '1:2:3:4:5:6:7:8:9:10', 'a'.repeat(10_000)]) {
      expect(networkOf(odd).length, odd).to.be.at.most(64);
    }
  });
});
