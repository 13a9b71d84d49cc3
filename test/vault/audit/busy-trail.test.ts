import { expect } from 'chai';
import { openRealVault, someDraft, someSecret, type RealVault } from '../real-vault.ts';

const revealCount = 10_000;
const callersCount = 100;
const credentialsCount = 20;

describe('the trail of a busy minute', () => {
  let real: RealVault;

  before(async () => {
    real = await openRealVault();
  });

  after(async () => {
    await real.close();
  });

  it('holds all of ten thousand reveals that went on beside changes, and verifies', async () => {
    const { call, vault, verify } = real;
    const create = () => vault.createCredential(call, someDraft(), someSecret());
    const ids = (await Promise.all(Array.from({ length: credentialsCount }, create))).map(({ id }) => id);
    const before = (await verify()).eventCount;
    const caller = async (_: unknown, number: number) => {
      const id = ids[number % credentialsCount] ?? '';
      for (let reveal = 0; reveal < revealCount / callersCount; reveal += 1) {
        await vault.revealSecret(call, id);
        if (reveal % 10 === 0) await vault.updateCredential(call, id, { description: `${number} ${reveal}` });
      }
    };
    await Promise.all(Array.from({ length: callersCount }, caller));
    const { eventCount, faults } = await verify();
    // The key of these calls was put in by the fixture, and is found out.
    expect(faults.filter(({ stream }) => stream !== 'api_key')).to.deep.equal([]);
    expect(eventCount - before).to.equal(revealCount * 1.1);
  });
});
