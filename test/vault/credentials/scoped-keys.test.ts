import { expect } from 'chai';
import type { Call } from '../../../src/vault/caller.ts';
import type { Credential, CredentialDraft } from '../../../src/vault/credentials/credential.ts';
import { unscoped, type KeyScope } from '../../../src/vault/key-scope.ts';
import { permits, type Permission } from '../../../src/vault/permissions.ts';
import { replaceSecret } from '../../../src/vault/credentials/credential-change.ts';
import { callIn, openRealVault, refusalOf, someDraft, someSecret, type RealVault } from '../real-vault.ts';
import { vaultCodeOf } from '../../support/refusals.ts';

const absent = '018cc251-f400-7000-8000-00000000dead';

describe('a key that is limited to some credentials', () => {
  let real: RealVault;
  let within: Credential;
  let beyond: Credential;
  let call: Call;

  before(async () => {
    real = await openRealVault();
  });

  beforeEach(async () => {
    await real.empty();
    within = await create({ name: 'within', provider: 'openai', tags: ['prod', 'billing'] });
    beyond = await create({ name: 'beyond', provider: 'slack', tags: ['test'] });
    call = scoped({ providers: ['openai'] });
  });

  after(async () => {
    await real.close();
  });

  const create = (changes: Partial<CredentialDraft>, by = real.call) =>
    real.vault.createCredential(by, someDraft(changes), someSecret());
  const scoped = (keyScope: Partial<KeyScope>) =>
    callIn(real.call.workspaceId, { keyScope: { ...unscoped, ...keyScope } });
  const namesFor = async (by: Call) => {
    const page = { order: 'ascending', size: 100 } as const;
    const names = (await real.vault.listCredentials(by, page)).map(({ name }) => name);
    expect(await real.vault.countCredentials(by)).to.equal(names.length);
    return names;
  };

  it('lists and counts only those, by provider, by any of its tags, by id, and by all of them together', async () => {
    await create({ name: 'another', provider: 'openai', tags: ['test'] });
    expect(await namesFor(call)).to.deep.equal(['within', 'another']);
    expect(await namesFor(scoped({ tags: ['billing', 'nobody has it'] }))).to.deep.equal(['within']);
    expect(await namesFor(scoped({ credentialIds: [beyond.id, absent] }))).to.deep.equal(['beyond']);
    expect(await namesFor(scoped({ providers: ['openai', 'slack'], tags: ['test'] }))).to.deep.equal([
      'beyond',
      'another',
    ]);
    expect(await namesFor(scoped({ providers: ['openai'], credentialIds: [beyond.id] }))).to.deep.equal([]);
    await create({ name: 'of alice', provider: 'slack', subject: 'alice' });
    expect(await namesFor(scoped({ subjects: ['alice', 'bob'] }))).to.deep.equal(['of alice']);
    expect(await namesFor(scoped({ subjects: ['Alice'] }))).to.deep.equal([]);
    expect(await namesFor(scoped({ subjects: ['alice'], providers: ['openai'] }))).to.deep.equal([]);
    expect(await namesFor(scoped({ tags: [`x'}","test`] }))).to.deep.equal([]);
    expect(await namesFor(real.call)).to.have.length(4);
  });

  it('finds others as little as absent ones, whatever it asks for', async () => {
    const { vault } = real;
    const asking: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
      describe: (id) => vault.describeCredential(call, id),
      update: (id) => vault.updateCredential(call, id, { name: 'mine' }),
      updateSecret: (id) =>
        vault.updateSealedCredential(call, id, {}, { secret: replaceSecret(someSecret({ key: 'mine' })) }),
      activate: (id) => vault.activateCredential(call, id),
      deactivate: (id) => vault.deactivateCredential(call, id),
      delete: (id) => vault.deleteCredential(call, id),
      reveal: (id) => vault.revealSecret(call, id),
      describeSecret: (id) => vault.describeSecret(call, id),
    };
    for (const [title, ask] of Object.entries(asking)) {
      const [other, none] = [await refusalOf(ask(beyond.id)), await refusalOf(ask(absent))];
      expect([other.code, other.message], title).to.deep.equal(['not_found', none.message]);
    }
    for (const ask of [vault.describeByName(call, 'beyond'), vault.revealByName(call, 'beyond')]) {
      expect(await vaultCodeOf(ask)).to.equal('not_found');
    }
    expect(await vault.originOf(call, beyond.id)).to.equal(undefined);
    expect(await vault.describeCredential(real.call, beyond.id)).to.deep.equal(beyond);
  });

  it('reveals and changes its own', async () => {
    const { vault } = real;
    expect((await vault.revealSecret(call, within.id)).secret.expose()).to.deep.equal({ key: 'k1' });
    expect((await vault.revealByName(call, 'within')).credential.id).to.equal(within.id);
    expect(await vault.originOf(call, within.id)).to.equal('coffer');
    expect((await vault.updateCredential(call, within.id, { name: 'renamed' })).name).to.equal('renamed');
  });

  it('creates none but those that it may then see', async () => {
    expect(await vaultCodeOf(create({ provider: 'slack' }, call))).to.equal('permission_denied');
    expect((await create({ provider: 'openai' }, call)).provider).to.equal('openai');
    expect(await vaultCodeOf(create({ tags: [] }, scoped({ tags: ['prod'] })))).to.equal('permission_denied');
    expect(await vaultCodeOf(create({}, scoped({ credentialIds: [within.id] })))).to.equal('permission_denied');
    const ofAlice = scoped({ subjects: ['alice'] });
    for (const subject of [null, 'bob']) {
      expect(await vaultCodeOf(create({ subject }, ofAlice)), String(subject)).to.equal('permission_denied');
    }
    const { id } = await create({ subject: 'alice' }, ofAlice);
    expect(await vaultCodeOf(real.vault.updateCredential(ofAlice, id, { subject: null }))).to.equal(
      'permission_denied',
    );
  });

  it('moves none out of its scope', async () => {
    for (const provider of ['slack', 'openai2']) {
      expect(await vaultCodeOf(real.vault.updateCredential(call, within.id, { provider }))).to.equal(
        'permission_denied',
      );
    }
    // Another spelling of the present provider changes nothing.
    expect(await real.vault.updateCredential(call, within.id, { provider: 'OpenAI' })).to.deep.equal(within);
    const byTag = scoped({ tags: ['prod'] });
    expect(await vaultCodeOf(real.vault.updateCredential(byTag, within.id, { tags: ['billing'] }))).to.equal(
      'permission_denied',
    );
    expect(await real.vault.describeCredential(real.call, within.id)).to.deep.equal(within);
  });

  it('replaces none that it is not for by a given id, not even one that was deleted', async () => {
    const give = (id: string, provider: string) =>
      real.vault.createOrReplaceCredential(call, { id, draft: someDraft({ provider }), secret: someSecret() });
    expect(await vaultCodeOf(give(beyond.id, 'openai'))).to.equal('id_taken');
    await real.vault.deleteCredential(real.call, beyond.id);
    expect(await vaultCodeOf(give(beyond.id, 'openai'))).to.equal('id_taken');
    expect(await vaultCodeOf(give(absent, 'slack'))).to.equal('permission_denied');
    expect((await give(absent, 'openai')).credential.id).to.equal(absent);
    expect(await vaultCodeOf(give(within.id, 'slack'))).to.equal('permission_denied');
    expect((await give(within.id, 'openai')).credential.id).to.equal(within.id);
  });

  it('learns nothing of others from the places of a list', async () => {
    for (const place of [{ after: beyond.id }, { before: beyond.id }, { after: absent }]) {
      const refusal = await refusalOf(real.vault.listCredentials(call, { order: 'descending', size: 10, ...place }));
      expect(refusal.details.reason).to.equal('CURSOR_UNKNOWN');
    }
    const page = { order: 'ascending', size: 10, after: within.id } as const;
    expect(await real.vault.listCredentials(call, page)).to.deep.equal([]);
  });

  it('manages nothing, whatever its role', () => {
    const grant = { role: 'ADMIN', mayReveal: true, keyScope: unscoped } as const;
    const managing: readonly Permission[] = ['api_keys.manage', 'members.manage', 'audit.read'];
    for (const permission of managing) expect(permits(grant, permission), permission).to.equal(false);
    const using: readonly Permission[] = ['credentials.read', 'credentials.write', 'secrets.reveal', 'workspaces.read'];
    for (const permission of using) expect(permits(grant, permission), permission).to.equal(true);
  });
});
