import { expect } from 'chai';
import type { Call } from '../../../src/vault/caller.ts';
import type { Credential } from '../../../src/vault/credentials/credential.ts';
import { openRealVault, someDraft, someSecret, type RealVault } from '../real-vault.ts';

function consumerId(index: number): string {
  return `018cc251-f400-7000-8000-0000000000${String(index).padStart(2, '0')}`;
}

describe('the consumers of a credential', () => {
  let real: RealVault;
  let credential: Credential;

  before(async () => {
    real = await openRealVault();
  });

  beforeEach(async () => {
    await real.empty();
    await real.asSuperuser('truncate credential_consumer');
    credential = await real.vault.createCredential(real.call, someDraft(), someSecret());
  });

  after(async () => {
    await real.close();
  });

  /** A user of the token issuer, whose reveals check no key. */
  const callOf = (index: number): Call => ({
    ...real.call,
    caller: { ...real.call.caller, kind: 'user', id: consumerId(index), name: `user ${index}` },
  });
  const use = async (index: number) => {
    await real.vault.revealSecret(callOf(index), credential.id);
    real.clock.timeMs += 1_000;
  };
  const shown = async () =>
    (await real.vault.describeUsedCredential(real.call, credential.id)).consumers.map(({ name }) => name);

  it('are the ten that used it last, the newest first, each once', async () => {
    for (let index = 0; index < 12; index += 1) await use(index);
    await use(5);
    await real.usage.flushAll();
    expect(await shown()).to.deep.equal(['user 5', ...[11, 10, 9, 8, 7, 6, 4, 3, 2].map((index) => `user ${index}`)]);
    for (const index of [20, 21]) await use(index);
    await real.usage.flushAll();
    expect((await shown()).slice(0, 4)).to.deep.equal(['user 21', 'user 20', 'user 5', 'user 11']);
    const rows = await real.asSuperuser<{ count: number }>('select count(*)::int as count from credential_consumer');
    expect(rows).to.deep.equal([{ count: 10 }]);
  });

  it('have their kind, id and time, and are shown by every way to find the credential', async () => {
    const usedAt = real.clock.now();
    await real.vault.revealSecret(real.call, credential.id);
    await real.usage.flush();
    const { id, name } = real.call.caller;
    const expected = [{ kind: 'api_key', id, name, lastUsedAt: usedAt }];
    for (const way of [credential.id, `CRD-${credential.id.slice(-17).replace('-', '').toUpperCase()}`]) {
      const { consumers } = await real.vault.describeUsedCredential(real.call, way);
      expect(consumers, way).to.deep.equal(expected);
    }
    await real.vault.deleteCredential(real.call, credential.id);
    const { consumers } = await real.vault.describeUsedCredential(real.call, credential.id, { showDeleted: true });
    expect(consumers).to.deep.equal(expected);
  });

  it('include who resolves a secret', async () => {
    await real.resolver.resolveSecret(callOf(1), { name: credential.name });
    await real.usage.flush();
    expect(await shown()).to.deep.equal(['user 1']);
  });

  it('never get an earlier time, and keep the name of the last use', async () => {
    const [later, earlier] = [new Date('2024-06-01T00:00:00Z'), new Date('2024-05-01T00:00:00Z')];
    for (const usedAt of [later, earlier]) {
      real.usage.record(callOf(1), credential.id, usedAt);
      await real.usage.flushAll();
    }
    const { consumers } = await real.vault.describeUsedCredential(real.call, credential.id);
    expect(consumers.map(({ lastUsedAt }) => lastUsedAt)).to.deep.equal([later]);
  });

  it('are not written of a credential that is gone, and not of another workspace', async () => {
    real.usage.record(callOf(1), consumerId(99), real.clock.now());
    real.usage.record({ ...callOf(1), workspaceId: real.otherCall.workspaceId }, credential.id, real.clock.now());
    await real.usage.flushAll();
    expect(await real.asSuperuser('select * from credential_consumer')).to.deep.equal([]);
  });

  it('are written by several at once without a deadlock', async () => {
    const others = Array.from({ length: 8 }, (_, writer) => {
      const usage = real.newUsage();
      for (let index = 0; index < 12; index += 1)
        usage.record(callOf((index + writer) % 12), credential.id, new Date());
      return usage;
    });
    await Promise.all(others.map((usage) => usage.flushAll()));
    expect(await shown()).to.have.length(10);
  });
});
