import { expect } from 'chai';
import { replaceSecret } from '../../../src/vault/credentials/credential-change.ts';
import { callIn, openRealVault, refusalOf, someDraft, someSecret, type RealVault } from '../real-vault.ts';

describe('naming the fields of a secret', () => {
  let real: RealVault;

  before(async () => {
    real = await openRealVault();
  });

  after(async () => {
    await real.close();
  });

  const create = (changes = {}) =>
    real.vault.createCredential(real.call, someDraft(changes), someSecret({ api_key: 'k', region: { name: 'eu' } }));

  it('answers the names and no value', async () => {
    const credential = await create();
    const described = await real.vault.describeSecret(real.call, credential.id);
    expect(described).to.deep.equal({ credential, fieldNames: ['api_key', 'region'], plainFields: {} });
  });

  it('names those of the current version', async () => {
    const { id } = await create();
    await real.vault.updateCredential(real.call, id, {}, { secret: replaceSecret(someSecret({ token: 't' })) });
    expect((await real.vault.describeSecret(real.call, id)).fieldNames).to.deep.equal(['token']);
  });

  it('is possible while the credential is inactive or expired', async () => {
    for (const state of [{ isActive: false }, { expiresAt: new Date('2020-01-01T00:00:00Z') }]) {
      const { id } = await create(state);
      expect((await real.vault.describeSecret(real.call, id)).fieldNames).to.have.length(2);
    }
  });

  it('is recorded in the trail, and is no use', async () => {
    const credential = await create();
    await real.vault.describeSecret(real.call, credential.id);
    expect(await real.eventsOf(credential)).to.deep.equal(['credentials.create OK', 'secrets.describe OK']);
    expect(await real.vault.describeCredential(real.call, credential.id)).to.deep.equal(credential);
  });

  it('needs no more than the permission to read metadata, and that one', async () => {
    const { id, workspaceId } = await create();
    const viewer = callIn(workspaceId, { role: 'VIEWER', mayReveal: false });
    expect((await real.vault.describeSecret(viewer, id)).fieldNames).to.have.length(2);
    const stranger = { ...real.otherCall, workspaceId };
    expect((await refusalOf(real.vault.describeSecret(stranger, id))).code).to.equal('workspace_denied');
  });

  it('finds nothing that is deleted, of another workspace, or no id', async () => {
    const { id } = await create();
    expect((await refusalOf(real.vault.describeSecret(real.otherCall, id))).code).to.equal('not_found');
    await real.vault.deleteCredential(real.call, id);
    for (const absent of [id, 'nonsense']) {
      expect((await refusalOf(real.vault.describeSecret(real.call, absent))).code).to.equal('not_found');
    }
  });

  it('fails, and is recorded in the trail, where the bytes do not open', async () => {
    const credential = await create();
    await real.asSuperuser(
      `update credential_version set sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1)
       where credential_id = $1`,
      [credential.id],
    );
    expect((await refusalOf(real.vault.describeSecret(real.call, credential.id))).code).to.equal('secret_unreadable');
    expect(await real.eventsOf(credential)).to.deep.equal(['credentials.create OK', 'secrets.describe FAILED']);
  });
});
