import { expect } from 'chai';
import { UnsealLimits } from '../../../src/vault/workspaces/unseal-limits.ts';

describe('the limits of attempts to unseal', () => {
  let nowMs: number;
  let limits: UnsealLimits;

  beforeEach(() => {
    nowMs = Date.UTC(2024, 0, 1);
    limits = new UnsealLimits({ now: () => new Date(nowMs) });
  });

  const take = (peer: string, times: number): number[] => Array.from({ length: times }, () => limits.take(peer));

  it('let an address make 10 in a minute', () => {
    expect(take('192.0.2.1', 10)).to.deep.equal(Array.from({ length: 10 }, () => 0));
    expect(limits.take('192.0.2.1')).to.equal(60_000);
    expect(limits.take('192.0.2.2')).to.equal(0);
    nowMs += 59_999;
    expect(limits.take('192.0.2.1')).to.equal(1);
    nowMs += 1;
    expect(take('192.0.2.1', 11)).to.deep.equal([...Array.from({ length: 10 }, () => 0), 60_000]);
  });

  it('let all addresses together make 30 in a minute', () => {
    for (const peer of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) expect(take(peer, 10)).not.to.include(60_000);
    expect(limits.take('192.0.2.4')).to.equal(60_000);
    nowMs += 60_000;
    expect(limits.take('192.0.2.4')).to.equal(0);
  });

  it('count the addresses of one network of IPv6 together', () => {
    for (let host = 1; host <= 10; host += 1) expect(limits.take(`2001:db8:1:2::${host}`)).to.equal(0);
    expect(limits.take('2001:db8:1:2:ffff::1')).to.equal(60_000);
    expect(limits.take('2001:db8:1:3::1')).to.equal(0);
  });

  it('do not count refused attempts, and do not wait longer for a clock that was set back', () => {
    take('192.0.2.1', 50);
    expect(take('192.0.2.2', 10)).not.to.include(60_000);
    nowMs -= 3_600_000;
    expect(limits.take('192.0.2.1')).to.equal(0);
  });
});
