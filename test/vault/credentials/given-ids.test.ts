import { expect } from 'chai';
import type { Call } from '../../../src/vault/caller.ts';
import type { CredentialDraft } from '../../../src/vault/credentials/credential.ts';
import type { GivenCreation, SecretChange } from '../../../src/vault/credentials/credential-change.ts';
import type { JsonObject } from '../../../src/vault/json.ts';
import { Secret } from '../../../src/vault/secret.ts';
import { callIn, openRealVault, refusalOf, someDraft, someSecret, type RealVault } from '../real-vault.ts';

const id = '00000000-0000-4000-8000-00000000abcd';

const adding = (fields: JsonObject): SecretChange => ({
  sent: new Secret(fields),
  needsPresent: false,
  merge: (present) => ({ secret: new Secret({ ...present.expose(), ...fields }), keepsPresent: true }),
});

describe('creating a credential with a given id', () => {
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

  const put = (
    draft: Partial<CredentialDraft> = {},
    fields?: JsonObject,
    { call = real.call, ...changes }: Partial<GivenCreation> & { readonly call?: Call } = {},
  ) => {
    const creation = { id, draft: someDraft(draft), secret: someSecret(fields), ...changes };
    return real.vault.createOrReplaceCredential(call, creation);
  };

  const reveal = async (call = real.call) => {
    const { secret, version } = await real.vault.revealSecret(call, id);
    return { ...secret.expose(), version };
  };

  it('creates it with that id, in small letters', async () => {
    const { credential, version } = await put({ tags: ['t'] }, { key: 'k1' }, { id: id.toUpperCase() });
    expect(credential).to.deep.include({ id, currentVersion: 1, revision: 1, tags: ['t'] });
    expect(version.version).to.equal(1);
    expect(await real.vault.describeCredential(real.call, id)).to.deep.equal(credential);
    expect(await reveal()).to.deep.equal({ key: 'k1', version: 1 });
  });

  for (const given of ['', 'x', `${id}0`, `{${id}}`, 'CRD-800000000000ABCD']) {
    it(`refuses ${JSON.stringify(given)} for an id`, async () => {
      const refusal = await refusalOf(put({}, undefined, { id: given }));
      expect(refusal).to.deep.include({ code: 'invalid_argument', details: { field: 'id' } });
    });
  }

  it('refuses a draft and a secret as any creation does', async () => {
    expect(await refusalOf(put({ name: '' }))).to.deep.include({ details: { field: 'name' } });
    expect(await refusalOf(put({}, {}))).to.deep.include({ details: { field: 'secret' } });
  });

  it('needs the permission to write', async () => {
    const call = callIn(real.call.workspaceId, { role: 'RUNTIME' });
    expect((await refusalOf(put({}, undefined, { call }))).code).to.equal('permission_denied');
  });

  it('replaces name, provider and secret of one that is there, and leaves the rest', async () => {
    const { credential } = await put({ tags: ['t'], description: 'd' });
    real.clock.timeMs += 1_000;
    const replaced = await put({ name: 'other', provider: 'slack', tags: ['u'], isActive: false }, { key: 'k2' });
    expect(replaced.credential).to.deep.equal({
      ...credential,
      name: 'other',
      provider: 'slack',
      currentVersion: 2,
      revision: 2,
      updatedAt: real.clock.now(),
    });
    expect(replaced.version.version).to.equal(2);
    expect(await reveal()).to.deep.equal({ key: 'k2', version: 2 });
    expect(await real.eventsOf({ id })).to.deep.equal([
      'credentials.create OK',
      'secrets.add_version OK',
      'secrets.reveal OK',
    ]);
  });

  it('changes nothing where the same is put again', async () => {
    const { credential, version } = await put();
    real.clock.timeMs += 1_000;
    const again = await put();
    expect(again.credential).to.deep.equal(credential);
    expect(Buffer.from(again.version.sealed)).to.deep.equal(Buffer.from(version.sealed));
  });

  it('lets the present secret be merged', async () => {
    await put({}, { a: '1', b: '2' });
    await put({}, { b: '3' }, { merge: adding({ b: '3' }) });
    expect(await reveal()).to.deep.equal({ a: '1', b: '3', version: 2 });
  });

  it('does not merge into what is new', async () => {
    await put({}, { b: '3' }, { merge: adding({ c: '4' }) });
    expect(await reveal()).to.deep.equal({ b: '3', version: 1 });
  });

  it('creates one that was deleted anew, its secret as the next version', async () => {
    const { credential } = await put({ tags: ['t'], nameIsExclusive: true, isActive: false });
    await real.vault.deleteCredential(real.call, id);
    real.clock.timeMs += 1_000;
    const call = callIn(real.call.workspaceId, {}, 'flowise');
    const again = await put({ name: 'other' }, { key: 'k2' }, { call });
    const now = real.clock.now();
    expect(again.credential).to.deep.equal({
      ...credential,
      name: 'other',
      tags: [],
      nameIsExclusive: false,
      isActive: true,
      currentVersion: 2,
      revision: 3,
      origin: 'flowise',
      createdAt: now,
      updatedAt: now,
    });
    expect(await real.vault.describeCredential(real.call, id)).to.deep.equal(again.credential);
    expect(await reveal()).to.deep.equal({ key: 'k2', version: 2 });
    const events = ['credentials.create OK', 'credentials.delete OK', 'credentials.create OK', 'secrets.reveal OK'];
    expect(await real.eventsOf({ id })).to.deep.equal(events);
  });

  it('creates anew also where the deleted secret no longer opens', async () => {
    await put();
    await real.vault.deleteCredential(real.call, id);
    await real.asSuperuser(`update credential_version set sealed = '\\x01'`);
    await put({}, { key: 'k2' });
    expect(await reveal()).to.deep.equal({ key: 'k2', version: 2 });
  });

  it('replaces a secret that does not open, and refuses to merge into it', async () => {
    await put();
    await real.asSuperuser(`update credential_version set sealed = '\\x01'`);
    const merging = { ...adding({ b: '3' }), needsPresent: true };
    expect((await refusalOf(put({}, { key: 'k2' }, { merge: merging }))).code).to.equal('secret_unreadable');
    await put({}, { key: 'k2' });
    expect(await reveal()).to.deep.equal({ key: 'k2', version: 2 });
    expect(await real.eventsOf({ id })).to.deep.equal([
      'credentials.create OK',
      'secrets.add_version FAILED',
      'secrets.add_version OK',
      'secrets.reveal OK',
    ]);
  });

  it('does not reach into another workspace, which may have the same id', async () => {
    const { credential } = await put({ name: 'theirs' }, { key: 'theirs' }, { call: real.otherCall });
    await put({ name: 'ours' }, { key: 'ours' });
    expect(await reveal()).to.deep.equal({ key: 'ours', version: 1 });
    expect(await reveal(real.otherCall)).to.deep.equal({ key: 'theirs', version: 1 });
    expect(await real.vault.describeCredential(real.otherCall, id)).to.deep.equal({
      ...credential,
      lastUsedAt: null,
    });
  });

  it('refuses an id whose short spelling is that of another credential', async () => {
    await put();
    const alike = await refusalOf(put({}, undefined, { id: id.replace('0000-4000', '0001-4001') }));
    expect(alike.code).to.equal('id_taken');
  });

  it('refuses to take an exclusive name', async () => {
    await real.vault.createCredential(real.call, someDraft({ name: 'taken', nameIsExclusive: true }), someSecret());
    await put({ name: 'mine', nameIsExclusive: true });
    expect((await refusalOf(put({ name: 'taken' }))).code).to.equal('name_taken');
    expect((await real.vault.describeCredential(real.call, id)).name).to.equal('mine');
  });

  it('succeeds for each of several callers at once, one after the other', async () => {
    const puts = Array.from({ length: 10 }, (_, index) => put({ name: `n${index}` }, { key: `k${index}` }));
    const versions = (await Promise.all(puts)).map(({ version }) => version.version);
    const expected = Array.from({ length: 10 }, (_, index) => index + 1);
    expect(versions.toSorted((one, other) => one - other)).to.deep.equal(expected);
    const creations = (await real.eventsOf({ id })).filter((event) => event === 'credentials.create OK');
    expect(creations).to.have.length(1);
  });
});
