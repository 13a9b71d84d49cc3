import { expect } from 'chai';
import type { CredentialDraft } from '../../../src/vault/credentials/credential.ts';
import { callIn, openRealVault, refusalOf, someDraft, someSecret, type RealVault } from '../real-vault.ts';

describe('a credential by its name', () => {
  let real: RealVault;

  before(async () => {
    real = await openRealVault();
  });

  beforeEach(async () => {
    await real.empty();
  });

  after(async () => {
    await real.close();
  });

  const create = (changes: Partial<CredentialDraft> = {}, call = real.call) =>
    real.vault.createCredential(call, someDraft(changes), someSecret({ key: changes.description ?? 'k' }));

  /** What the two ways of finding by name agree on. */
  const find = async (name: string) => {
    const described = await real.vault.describeByName(real.call, name);
    const { credential, secret } = await real.vault.revealByName(real.call, name);
    expect(credential).to.deep.equal(described);
    expect(secret.expose()).to.deep.equal({ key: described.description ?? 'k' });
    return described.id;
  };

  const refusalsOf = async (name: string, call = real.call) => [
    (await refusalOf(real.vault.describeByName(call, name))).code,
    (await refusalOf(real.vault.revealByName(call, name))).code,
  ];

  it('is the one to which the name belongs exclusively, though others are older', async () => {
    await create({ description: 'older' });
    const exclusive = await create({ description: 'exclusive', nameIsExclusive: true });
    await create({ description: 'younger' });
    expect(await find('a name')).to.equal(exclusive.id);
  });

  it('is the oldest that lives, where the name belongs to none', async () => {
    const oldest = await create({ description: 'oldest' });
    real.clock.timeMs += 1_000;
    const given = { id: '00000000-0000-4000-8000-000000000001', secret: someSecret({ key: 'given' }) };
    await real.vault.createOrReplaceCredential(real.call, { ...given, draft: someDraft({ description: 'given' }) });
    expect(await find('a name')).to.equal(oldest.id);
    await real.vault.deleteCredential(real.call, oldest.id);
    expect(await find('a name')).to.equal(given.id);
  });

  it('has exactly that name', async () => {
    await create({ name: 'a/b c' });
    await find('a/b c');
    for (const other of ['a/b', 'A/B C', 'a/b c ', 'a%', '', 'a/b c\0', '\0']) {
      expect(await refusalsOf(other), other).to.deep.equal(['not_found', 'not_found']);
    }
  });

  it('is none of another workspace, and none that was renamed or deleted', async () => {
    await create({ name: 'foreign' }, real.otherCall);
    const { id } = await create({ name: 'old' });
    await real.vault.updateCredential(real.call, id, { name: 'new' });
    expect(await refusalsOf('foreign')).to.deep.equal(['not_found', 'not_found']);
    expect(await refusalsOf('old')).to.deep.equal(['not_found', 'not_found']);
    await find('new');
    await real.vault.deleteCredential(real.call, id);
    expect(await refusalsOf('new')).to.deep.equal(['not_found', 'not_found']);
  });

  it('is refused as by id, and recorded in the trail', async () => {
    const { id } = await create({ isActive: false });
    expect((await refusalOf(real.vault.revealByName(real.call, 'a name'))).code).to.equal('credential_inactive');
    await real.vault.updateCredential(real.call, id, { expiresAt: real.clock.now() });
    expect((await refusalOf(real.vault.revealByName(real.call, 'a name'))).code).to.equal('credential_expired');
    const events = (await real.eventsOf({ id })).filter((event) => event.startsWith('secrets.'));
    expect(events).to.deep.equal(['secrets.reveal DENIED', 'secrets.reveal DENIED']);
  });

  it('needs the same permissions as by id', async () => {
    await create();
    const viewer = callIn(real.call.workspaceId, { role: 'VIEWER' });
    expect((await real.vault.describeByName(viewer, 'a name')).name).to.equal('a name');
    expect((await refusalOf(real.vault.revealByName(viewer, 'a name'))).code).to.equal('permission_denied');
    expect(await refusalsOf('a name', callIn(real.call.workspaceId, real.otherCall.caller.grants[0]))).to.deep.equal([
      'workspace_denied',
      'workspace_denied',
    ]);
  });
});

describe('the origin of a credential', () => {
  let real: RealVault;

  before(async () => {
    real = await openRealVault();
  });

  after(async () => {
    await real.close();
  });

  it('is the dialect that created it, by either spelling of the id, also when it has been deleted', async () => {
    const flowise = callIn(real.call.workspaceId, {}, 'flowise');
    const { id } = await real.vault.createCredential(flowise, someDraft(), someSecret());
    const spellings = [id, id.toUpperCase(), `CRD-${id.slice(-17).replace('-', '').toUpperCase()}`];
    for (const spelling of spellings) expect(await real.vault.originOf(real.call, spelling)).to.equal('flowise');
    await real.vault.deleteCredential(real.call, id);
    for (const spelling of spellings) expect(await real.vault.originOf(real.call, spelling)).to.equal('flowise');
  });

  it('is unknown of what is absent, malformed, of another workspace or not to be read', async () => {
    const { id } = await real.vault.createCredential(real.call, someDraft(), someSecret());
    expect(await real.vault.originOf(real.otherCall, id)).to.equal(undefined);
    for (const text of ['018cc251-f400-7000-8000-000000000001', 'CRD-0000000000000000', 'reveal', '', '\0']) {
      expect(await real.vault.originOf(real.call, text), text).to.equal(undefined);
    }
    const stranger = callIn(real.call.workspaceId, { workspaceId: real.otherCall.workspaceId });
    expect(await real.vault.originOf(stranger, id)).to.equal(undefined);
  });
});
