import { expect } from 'chai';
import type { SecretResolver } from '../../../src/vault/credentials/resolve-vault.ts';
import { openRealVault, refusalOf, someDraft, someSecret, type RealVault } from '../real-vault.ts';

describe('resolving a secret', () => {
  let real: RealVault;
  let resolver: SecretResolver;

  before(async () => {
    real = await openRealVault();
    ({ resolver } = real);
  });

  beforeEach(() => real.empty());

  after(async () => {
    await real.close();
  });

  const create = (name: string) => real.vault.createCredential(real.call, someDraft({ name }), someSecret());

  it('finds what calls of the same moment have just created', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    const resolved = names.map(async (name) => {
      const { id } = await create(name);
      return (await resolver.resolveSecret(real.call, { name })).credential.id === id;
    });
    expect(await Promise.all(resolved)).to.deep.equal(names.map(() => true));
  });

  it('refuses a credential that was changed outside of Coffer', async () => {
    const { id } = await create('mine');
    await real.asSuperuser(`update credential set name = 'yours' where id = $1`, [id]);
    expect((await refusalOf(resolver.resolveSecret(real.call, { name: 'yours' }))).code).to.equal('secret_unreadable');
    expect(await real.eventsOf({ id })).to.deep.equal(['credentials.create OK', 'secrets.reveal FAILED']);
  });

  it('refuses a key that was revoked since it was authenticated, whatever matches', async () => {
    await create('mine');
    await real.asSuperuser('update api_key set revoked_at = now()');
    for (const name of ['mine', 'absent']) {
      expect((await refusalOf(resolver.resolveSecret(real.call, { name }))).code, name).to.equal('token_invalid');
    }
    await real.asSuperuser('update api_key set revoked_at = null');
  });

  it('denies a workspace that was deleted since the caller was authenticated, whatever matches', async () => {
    await create('mine');
    const deleteIt = 'update workspace set deleted_at = $2 where id = $1';
    await real.asSuperuser(deleteIt, [real.call.workspaceId, new Date()]);
    for (const name of ['mine', 'absent']) {
      const { code, message } = await refusalOf(resolver.resolveSecret(real.call, { name }));
      expect([code, message], name).to.deep.equal(['permission_denied', 'permission secrets.reveal is needed']);
    }
    await real.asSuperuser(deleteIt, [real.call.workspaceId, null]);
  });
});
