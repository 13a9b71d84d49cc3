import { expect } from 'chai';
import { RandomPool } from '../../src/encryption/random.ts';
import { MonotonicUuidV7, shortIdOf } from '../../src/vault/ids.ts';
import { SystemClock } from '../../src/vault/time.ts';
import { StandingClock } from '../encryption/fixtures.ts';

describe('rising ids', () => {
  const clock = new StandingClock();
  const ids = new MonotonicUuidV7({ clock, random: new RandomPool() });

  it('are UUIDv7 of the time', () => {
    expect(ids.next()).to.match(/^018cc251-f400-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('rise while the clock stands, beyond the range of the counter', () => {
    expectRising(Array.from({ length: 20_000 }, () => ids.next()));
  });

  it('rise when the clock goes back', () => {
    const before = ids.next();
    clock.timeMs -= 86_400_000;
    expectRising([before, ids.next(), ids.next()]);
  });

  it('take the time of the clock again once it is ahead', () => {
    clock.timeMs = Date.UTC(2025, 0, 1);
    expect(ids.next()).to.match(/^01941f29-7c00-/);
  });

  it('rise with the wall clock', () => {
    const wall = new MonotonicUuidV7({ clock: new SystemClock(), random: new RandomPool() });
    expectRising(Array.from({ length: 20_000 }, () => wall.next()));
  });

  it('have short spellings of which none repeats', () => {
    const formatted = Array.from({ length: 20_000 }, () => shortIdOf(ids.next()));
    expect(new Set(formatted).size).to.equal(formatted.length);
  });
});

function expectRising(ids: readonly string[]): void {
  for (const [index, id] of ids.entries()) expect(index === 0 || id > (ids[index - 1] ?? ''), id).to.equal(true);
}
