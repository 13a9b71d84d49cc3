import { expect } from 'chai';
import { Secret } from '../../../src/vault/secret.ts';
import { replaceSecret, type SecretChange } from '../../../src/vault/credentials/credential-change.ts';
import type { JsonObject } from '../../../src/vault/json.ts';
import type { Credential } from '../../../src/vault/credentials/credential.ts';
import { callIn, openRealVault, refusalOf, someDraft, someSecret, type RealVault } from '../real-vault.ts';

/** Puts fields in place of all there are. */
const replaceBy = (fields: JsonObject) => ({ secret: replaceSecret(new Secret(fields)) });

/** Makes fields of the present ones. */
const mergeBy = (
  sent: JsonObject,
  merge: (present: JsonObject, credential: Credential) => JsonObject,
): SecretChange => ({
  sent: new Secret(sent),
  needsPresent: true,
  merge: (present, credential) => ({ secret: new Secret(merge(present.expose(), credential)), keepsPresent: true }),
});

const nameAsB = mergeBy({}, (present, { name }) => ({ ...present, b: name }));
const countOn = mergeBy({}, ({ count }) => ({ count: Number(count) + 1 }));
const adding = (field: JsonObject) => ({ secret: mergeBy(field, (present) => ({ ...present, ...field })) });
const tagWithB = ({ tags }: Credential) => ({ tags: [...tags, 'b'] });

describe('updating a credential', () => {
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

  const create = (changes = {}, fields?: JsonObject) =>
    real.vault.createCredential(real.call, someDraft(changes), someSecret(fields));

  const reveal = async ({ id }: Credential) => {
    const { secret, version } = await real.vault.revealSecret(real.call, id);
    return { ...secret.expose(), version };
  };

  const versionsOf = async ({ id }: Credential) => {
    const text = 'select version from credential_version where credential_id = $1 order by version';
    return (await real.asSuperuser<{ version: number }>(text, [id])).map(({ version }) => version);
  };

  it('adds the secret as a new version, which is then the current one', async () => {
    const created = await create();
    real.clock.timeMs += 1_000;
    const updated = await real.vault.updateCredential(real.call, created.id, {}, replaceBy({ key: 'k2' }));
    expect(updated).to.deep.equal({ ...created, currentVersion: 2, revision: 2, updatedAt: real.clock.now() });
    expect(await real.vault.describeCredential(real.call, created.id)).to.deep.equal(updated);
    expect(await reveal(created)).to.deep.equal({ key: 'k2', version: 2 });
    expect(await versionsOf(created)).to.deep.equal([1, 2]);
  });

  it('shows the present secret and the credential to the function that makes the new one', async () => {
    const created = await create({}, { a: '1', b: '2' });
    await real.vault.updateCredential(real.call, created.id, {}, { secret: nameAsB });
    expect(await reveal(created)).to.deep.equal({ a: '1', b: 'a name', version: 2 });
  });

  it('adds no version for equal fields, in whatever order, and leaves the etag as it is', async () => {
    const created = await create({}, { a: '1', b: { c: [1, null] } });
    real.clock.timeMs += 1_000;
    const same = replaceBy({ b: { c: [1, null] }, a: '1' });
    expect(await real.vault.updateCredential(real.call, created.id, {}, same)).to.deep.equal(created);
    expect(await versionsOf(created)).to.deep.equal([1]);
    const renamed = await real.vault.updateCredential(real.call, created.id, { name: 'other' }, same);
    expect(renamed).to.include({ name: 'other', currentVersion: 1, revision: 2 });
    expect(await versionsOf(created)).to.deep.equal([1]);
  });

  it('changes metadata and the secret in one revision', async () => {
    const created = await create();
    const change = { name: 'other', tags: ['t'] };
    const updated = await real.vault.updateCredential(real.call, created.id, change, replaceBy({ key: 'k2' }));
    expect(updated).to.deep.include({ name: 'other', tags: ['t'], revision: 2, currentVersion: 2 });
  });

  it('makes a change of metadata by what is there', async () => {
    const created = await create({ tags: ['a'] });
    expect((await real.vault.updateCredential(real.call, created.id, tagWithB)).tags).to.deep.equal(['a', 'b']);
  });

  it('records the new version in the trail, or the mere update', async () => {
    const created = await create();
    await real.vault.updateCredential(real.call, created.id, { name: 'other' });
    await real.vault.updateCredential(real.call, created.id, { name: 'third' }, replaceBy({ key: 'k2' }));
    await real.vault.updateCredential(real.call, created.id, {}, replaceBy({ key: 'k2' }));
    expect(await real.eventsOf(created)).to.deep.equal([
      'credentials.create OK',
      'credentials.update OK',
      'secrets.add_version OK',
      'credentials.update OK',
    ]);
  });

  it('answers the sealed bytes that are stored', async () => {
    const created = await create();
    const renamed = await real.vault.updateSealedCredential(real.call, created.id, { name: 'other' });
    const resealed = await real.vault.updateSealedCredential(real.call, created.id, {}, replaceBy({ key: 'k2' }));
    const stored = await real.asSuperuser<{ sealed: Buffer }>('select sealed from credential_version order by version');
    expect([renamed, resealed].map(({ version }) => version.version)).to.deep.equal([1, 2]);
    expect([renamed, resealed].map(({ version }) => Buffer.from(version.sealed).toString('hex'))).to.deep.equal(
      stored.map(({ sealed }) => sealed.toString('hex')),
    );
  });

  it('ends with twenty versions without gaps where twenty callers update at once', async () => {
    const created = await create({}, { count: 0 });
    const updates = Array.from({ length: 20 }, () =>
      real.vault.updateCredential(real.call, created.id, {}, { secret: countOn }),
    );
    const updated = await Promise.all(updates);
    const expected = Array.from({ length: 20 }, (_, index) => index + 2);
    expect(updated.map(({ currentVersion }) => currentVersion).toSorted((one, other) => one - other)).to.deep.equal(
      expected,
    );
    expect(await versionsOf(created)).to.deep.equal([1, ...expected]);
    expect(await reveal(created)).to.deep.equal({ count: 20, version: 21 });
    expect((await real.vault.describeCredential(real.call, created.id)).revision).to.equal(21);
  });

  it('needs no permission but that to write, and that one', async () => {
    const created = await create();
    const { workspaceId } = real.call;
    const writer = callIn(workspaceId, { mayReveal: false });
    await real.vault.updateCredential(writer, created.id, {}, replaceBy({ key: 'k2' }));
    expect(await reveal(created)).to.include({ key: 'k2' });
    const reader = callIn(workspaceId, { role: 'RUNTIME' });
    const refused = await refusalOf(real.vault.updateCredential(reader, created.id, {}, replaceBy({ key: 'k3' })));
    expect(refused.code).to.equal('permission_denied');
    expect(await versionsOf(created)).to.deep.equal([1, 2]);
  });

  const writer = () => callIn(real.call.workspaceId, { mayReveal: false });

  describe('by a caller who may not reveal', () => {
    it('adds a version also for equal content, so that no etag confirms a guess', async () => {
      const created = await create({}, { key: 'k1' });
      const right = await real.vault.updateCredential(writer(), created.id, {}, replaceBy({ key: 'k1' }));
      expect(right).to.include({ currentVersion: 2, revision: 2 });
      const wrong = await real.vault.updateCredential(writer(), created.id, {}, replaceBy({ key: 'k2' }));
      expect(wrong).to.include({ currentVersion: 3, revision: 3 });
    });

    it('meets the same limit for every length that is padded to one step', async () => {
      // {"key":"…"} is 10 bytes longer than its value; these all are padded to 64 bytes.
      const sentBytes = [];
      for (const length of [1, 20, 53]) {
        const { id } = await create({}, { key: 'x'.repeat(length) });
        const fits = async (bytes: number) => {
          const field = { more: 'y'.repeat(bytes - '{"more":""}'.length) };
          const update = real.vault.updateCredential(writer(), id, {}, adding(field));
          return update.then(
            () => true,
            () => false,
          );
        };
        expect(await fits(1_000 - 64 + 1)).to.equal(false);
        sentBytes.push(await fits(1_000 - 64));
      }
      expect(sentBytes).to.deep.equal([true, true, true]);
    });

    it('meets the limit of only what was sent where it replaces the secret', async () => {
      const created = await create({}, { key: 'x'.repeat(900) });
      await real.vault.updateCredential(writer(), created.id, {}, replaceBy({ key: 'y'.repeat(900) }));
      expect(await reveal(created)).to.include({ key: 'y'.repeat(900) });
    });
  });

  it('is possible while the credential is inactive or expired', async () => {
    for (const state of [{ isActive: false }, { expiresAt: new Date('2020-01-01T00:00:00Z') }]) {
      const created = await create(state);
      expect(await real.vault.updateCredential(real.call, created.id, {}, replaceBy({ key: 'k2' }))).to.include({
        currentVersion: 2,
        isActive: created.isActive,
      });
    }
  });

  it('refuses a stale etag before it looks at the secret', async () => {
    const created = await create();
    await real.vault.updateCredential(real.call, created.id, { name: 'other' }, { etags: ['1'] });
    let wasAsked = false;
    const secret = mergeBy({}, (present) => {
      wasAsked = true;
      return present;
    });
    const refused = await refusalOf(real.vault.updateCredential(real.call, created.id, {}, { etags: ['1'], secret }));
    expect(refused).to.deep.include({ code: 'etag_stale', details: { etag: '2' } });
    expect(wasAsked).to.equal(false);
    expect(await versionsOf(created)).to.deep.equal([1]);
  });

  const faults: [string, JsonObject, string][] = [
    ['without fields', {}, 'secret must have at least one field'],
    ['beyond the limit', { key: 'x'.repeat(1_000) }, 'secret must be at most 1000 bytes of JSON'],
    ['with U+0000', { key: 'a\0b' }, 'secret must not contain U+0000'],
  ];
  for (const [title, fields, message] of faults) {
    it(`refuses a secret ${title}, and keeps the metadata as they were`, async () => {
      const created = await create();
      const update = real.vault.updateCredential(real.call, created.id, { name: 'other' }, replaceBy(fields));
      expect(await refusalOf(update)).to.include({ code: 'invalid_argument', message });
      expect(await real.vault.describeCredential(real.call, created.id)).to.deep.equal(created);
      expect(await real.eventsOf(created)).to.deep.equal(['credentials.create OK']);
    });
  }

  it('takes no secret for one of another workspace, nor for a deleted one', async () => {
    const created = await create();
    const update = (call = real.call) => real.vault.updateCredential(call, created.id, {}, replaceBy({ key: 'k2' }));
    expect((await refusalOf(update(real.otherCall))).code).to.equal('not_found');
    await real.vault.deleteCredential(real.call, created.id);
    expect((await refusalOf(update())).code).to.equal('not_found');
    expect(await versionsOf(created)).to.deep.equal([1]);
  });

  describe('whose sealed bytes were tampered with', () => {
    let created: Credential;

    beforeEach(async () => {
      created = await create();
      const flipped = 'set_byte(sealed, length(sealed) - 1, 255 - get_byte(sealed, length(sealed) - 1))';
      await real.asSuperuser(`update credential_version set sealed = ${flipped}`);
    });

    const merging = { secret: mergeBy({ b: '2' }, (present) => ({ ...present, b: '2' })) };

    it('refuses a change that needs the present secret, and records the failure in the trail', async () => {
      const update = real.vault.updateCredential(real.call, created.id, { name: 'other' }, merging);
      expect((await refusalOf(update)).code).to.equal('secret_unreadable');
      expect(await real.vault.describeCredential(real.call, created.id)).to.deep.equal(created);
      expect(await real.eventsOf(created)).to.deep.equal(['credentials.create OK', 'secrets.add_version FAILED']);
    });

    it('is mended by a whole new secret', async () => {
      const updated = await real.vault.updateCredential(real.call, created.id, {}, replaceBy({ key: 'k2' }));
      expect(updated).to.include({ currentVersion: 2, revision: 2 });
      expect(await reveal(created)).to.deep.equal({ key: 'k2', version: 2 });
      expect(await real.eventsOf(created)).to.deep.equal([
        'credentials.create OK',
        'secrets.add_version OK',
        'secrets.reveal OK',
      ]);
    });

    it('is mended by a whole new secret where the version is gone as well', async () => {
      await real.asSuperuser('delete from credential_version');
      const merged = real.vault.updateCredential(real.call, created.id, {}, merging);
      expect((await refusalOf(merged)).code).to.equal('secret_unreadable');
      await real.vault.updateCredential(real.call, created.id, {}, replaceBy({ key: 'k2' }));
      expect(await reveal(created)).to.deep.equal({ key: 'k2', version: 2 });
    });

    it('is not mended where the rest of the row is not genuine either: that would sign it', async () => {
      await real.asSuperuser(`update credential set provider = 'other'`);
      const update = real.vault.updateCredential(real.call, created.id, {}, replaceBy({ key: 'k2' }));
      expect((await refusalOf(update)).code).to.equal('secret_unreadable');
      expect(await versionsOf(created)).to.deep.equal([1]);
    });

    it('holds the new secret against the limit', async () => {
      const update = real.vault.updateCredential(real.call, created.id, {}, replaceBy({ key: 'x'.repeat(1_000) }));
      expect((await refusalOf(update)).code).to.equal('invalid_argument');
    });

    it('still changes the metadata', async () => {
      const updated = await real.vault.updateSealedCredential(real.call, created.id, { name: 'other' });
      expect(updated.credential.name).to.equal('other');
    });
  });
});
