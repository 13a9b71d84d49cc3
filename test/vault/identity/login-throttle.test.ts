import { expect } from 'chai';
import { LoginThrottle, type LoginAttempt } from '../../../src/vault/identity/login-throttle.ts';

const start = Date.UTC(2024, 0, 1);

/** A throttle whose clock stands still until it is set. */
function throttleAt(seconds: number) {
  let now = start + seconds * 1_000;
  const throttle = new LoginThrottle({ now: () => new Date(now) });
  return { throttle, setSeconds: (later: number) => void (now = start + later * 1_000) };
}

async function allowed(throttle: LoginThrottle): Promise<Extract<LoginAttempt, { kind: 'allowed' }>> {
  const attempt = await throttle.begin();
  if (attempt.kind !== 'allowed') throw new Error('the attempt was throttled');
  return attempt;
}

async function failTimes(throttle: LoginThrottle, times: number): Promise<number[]> {
  const holds: number[] = [];
  for (let round = 0; round < times; round += 1) holds.push((await allowed(throttle)).fail().holdMs);
  return holds;
}

describe('the throttle of logins', () => {
  it('holds the answer back one second after three failures, and two after four', async () => {
    const { throttle } = throttleAt(0);
    expect(await failTimes(throttle, 5)).to.deep.equal([0, 0, 0, 1_000, 2_000]);
  });

  it('refuses the attempt after the fifth failure, and states for how long', async () => {
    const { throttle, setSeconds } = throttleAt(0);
    await failTimes(throttle, 5);
    setSeconds(20);
    expect(await throttle.begin()).to.deep.equal({ kind: 'throttled', retryAfterMs: 40_000 });
  });

  it('is not prolonged by attempts that it refuses', async () => {
    const { throttle, setSeconds } = throttleAt(0);
    await failTimes(throttle, 5);
    setSeconds(59);
    for (let round = 0; round < 10; round += 1) expect((await throttle.begin()).kind).to.equal('throttled');
    setSeconds(60);
    expect((await throttle.begin()).kind).to.equal('allowed');
  });

  it('lets one attempt pass for each failure that has left the window', async () => {
    const { throttle, setSeconds } = throttleAt(0);
    await failTimes(throttle, 1);
    setSeconds(30);
    await failTimes(throttle, 4);
    setSeconds(60);
    expect(await failTimes(throttle, 1)).to.deep.equal([2_000]);
    expect(await throttle.begin()).to.deep.equal({ kind: 'throttled', retryAfterMs: 30_000 });
  });

  it('forgets the failures upon a success', async () => {
    const { throttle } = throttleAt(0);
    await failTimes(throttle, 4);
    (await allowed(throttle)).succeed();
    expect(await failTimes(throttle, 5)).to.deep.equal([0, 0, 0, 1_000, 2_000]);
  });

  it('does not count an attempt that was abandoned', async () => {
    const { throttle } = throttleAt(0);
    await failTimes(throttle, 4);
    (await allowed(throttle)).abandon();
    expect((await throttle.begin()).kind).to.equal('allowed');
  });

  it('lets no more than five of many guesses at once be compared', async () => {
    const { throttle } = throttleAt(0);
    let compared = 0;
    const guess = async () => {
      const attempt = await throttle.begin();
      if (attempt.kind === 'throttled') return 'throttled';
      compared += 1;
      await new Promise(setImmediate);
      attempt.fail();
      return 'failed';
    };
    const outcomes = await Promise.all(Array.from({ length: 50 }, guess));
    expect(compared).to.equal(5);
    expect(outcomes.filter((outcome) => outcome === 'throttled')).to.have.length(45);
  });

  it('refuses none of many right passwords at once', async () => {
    const { throttle } = throttleAt(0);
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const attempt = await allowed(throttle);
        await new Promise(setImmediate);
        attempt.succeed();
        return 'succeeded';
      }),
    );
    expect(outcomes).to.have.length(50);
  });

  it('counts a guess that fails after another attempt has succeeded', async () => {
    const { throttle } = throttleAt(0);
    const guesses = [
      await allowed(throttle),
      await allowed(throttle),
      await allowed(throttle),
      await allowed(throttle),
    ];
    (await allowed(throttle)).succeed();
    for (const guess of guesses) guess.fail();
    expect(await failTimes(throttle, 1)).to.deep.equal([2_000]);
    expect((await throttle.begin()).kind).to.equal('throttled');
  });
});
