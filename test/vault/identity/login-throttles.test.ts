import { expect } from 'chai';
import { LoginThrottles } from '../../../src/vault/identity/login-throttle.ts';

async function guesses(count: number, one: (index: number) => Promise<boolean>): Promise<number> {
  let allowed = 0;
  for (let index = 0; index < count; index += 1) if (await one(index)) allowed += 1;
  return allowed;
}

describe('the throttles of logging in by name', () => {
  let now = 0;
  const throttlesOf = (throttlesMax?: number) => new LoginThrottles({ now: () => new Date(now) }, throttlesMax);
  type Ending = 'fail' | 'succeed' | 'abandon';

  /** Answers whether it was allowed. */
  async function guess(throttles: LoginThrottles, account: string, peer: string, ending: Ending = 'fail') {
    const attempt = await throttles.begin({ account, peer });
    if (attempt.kind === 'allowed') attempt[ending]();
    return attempt.kind === 'allowed';
  }

  beforeEach(() => {
    now = 0;
  });

  it('let an account be guessed at five times a minute, wherever from', async () => {
    const throttles = throttlesOf();
    expect(await guesses(8, (index) => guess(throttles, 'a', `192.0.2.${index}`))).to.equal(5);
    expect(await guess(throttles, 'b', '192.0.2.1')).to.equal(true);
    now = 60_000;
    expect(await guess(throttles, 'a', '192.0.2.1')).to.equal(true);
  });

  it('let an address guess twenty times a minute, whatever at', async () => {
    const throttles = throttlesOf();
    expect(await guesses(25, (index) => guess(throttles, `account ${index}`, '192.0.2.1'))).to.equal(20);
    expect(await guess(throttles, 'another', '192.0.2.2')).to.equal(true);
  });

  it('take a network of IPv6 for one address', async () => {
    const throttles = throttlesOf();
    expect(await guesses(25, (index) => guess(throttles, `account ${index}`, `2001:db8::${index}`))).to.equal(20);
  });

  it('forget the failures of an account upon its success, and keep those of the address', async () => {
    const throttles = throttlesOf();
    for (let index = 0; index < 19; index += 1) await guess(throttles, `account ${index}`, '192.0.2.1');
    expect(await guess(throttles, 'own', '192.0.2.1', 'succeed')).to.equal(true);
    expect(await guess(throttles, 'a', '192.0.2.1')).to.equal(true);
    expect(await guess(throttles, 'own', '192.0.2.1')).to.equal(false);
    expect(await guesses(4, () => guess(throttles, 'b', '192.0.2.2'))).to.equal(4);
    await guess(throttles, 'b', '192.0.2.2', 'succeed');
    expect(await guesses(8, () => guess(throttles, 'b', '192.0.2.3'))).to.equal(5);
  });

  it('count nothing that was abandoned, and nothing against an address whose guess its account did not allow', async () => {
    const throttles = throttlesOf();
    expect(await guesses(30, () => guess(throttles, 'a', '192.0.2.1', 'abandon'))).to.equal(30);
    expect(await guesses(30, () => guess(throttles, 'a', '192.0.2.1'))).to.equal(5);
    expect(await guesses(25, (index) => guess(throttles, `account ${index}`, '192.0.2.1'))).to.equal(15);
  });

  it('remember so many accounts, those that were guessed at last', async () => {
    const throttles = throttlesOf(2);
    for (let index = 0; index < 5; index += 1) await guess(throttles, 'a', `192.0.2.${index}`);
    await guess(throttles, 'b', '198.51.100.1');
    expect(await guess(throttles, 'a', '198.51.100.1')).to.equal(false);
    await guess(throttles, 'c', '198.51.100.1');
    expect(await guess(throttles, 'a', '198.51.100.1')).to.equal(false);
    await guess(throttles, 'd', '198.51.100.1');
    await guess(throttles, 'e', '198.51.100.1');
    expect(await guess(throttles, 'a', '198.51.100.1')).to.equal(true);
  });
});
