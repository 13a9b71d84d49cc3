import { expect } from 'chai';
import { RandomTokenSource } from '../../../src/authentication/tokens.ts';
import { ApiKeyDirectory } from '../../../src/vault/identity/api-keys.ts';
import type { Call, Caller } from '../../../src/vault/caller.ts';
import { unscoped } from '../../../src/vault/key-scope.ts';
import type { ApiKey, User } from '../../../src/vault/identity/identity.ts';
import {
  createdAt,
  newApiKey,
  newEvent,
  newId,
  newUser,
  openTestStores,
  setUpInstance,
  type TestStores,
} from '../../store/fixtures.ts';
import { callIn, refusalOf } from '../real-vault.ts';

describe('the API keys of a workspace', () => {
  let test: TestStores;
  let directory: ApiKeyDirectory;
  let owner: User;
  let member: User;
  let personal: { readonly owners: ApiKey; readonly members: ApiKey };

  before(async () => {
    test = await openTestStores();
  });

  beforeEach(async () => {
    await test.reset();
    const instance = await setUpInstance(test);
    owner = instance.owner;
    directory = new ApiKeyDirectory({
      store: test.stores.apiKeys,
      tokens: new RandomTokenSource(),
      clock: { now: () => createdAt },
      ids: { next: newId },
      dialects: [],
    });
    member = newUser(owner.defaultWorkspaceId, { passwordHash: 'h' });
    const membership = {
      workspaceId: member.defaultWorkspaceId,
      userId: member.id,
      role: 'ADMIN',
      mayReveal: true,
    } as const;
    await test.stores.users.setFirstPassword({ user: member, from: { membership }, event: newEvent() });
    const members = newApiKey(member, { role: null });
    await test.stores.apiKeys.createApiKey(members, newEvent());
    personal = { owners: instance.apiKey, members };
  });

  after(async () => {
    await test.close();
  });

  /** A call of an admin of the workspace, with the given differences. */
  function callBy(changes: Partial<Caller>): Call {
    const call = callIn(owner.defaultWorkspaceId, { role: 'ADMIN' });
    return { ...call, caller: { ...call.caller, ...changes } };
  }

  const issue = (expiresAt: Date | null, issuer: Partial<Caller>) => {
    const chosen = { name: 'n', role: 'VIEWER', mayReveal: true, dialect: null, certificateSan: null } as const;
    const draft = { ...chosen, ...unscoped };
    return directory.createApiKey(callBy({ userId: owner.id, ...issuer }), { ...draft, expiresAt });
  };

  const listedFor = async (changes: Partial<Caller>) =>
    (await directory.listApiKeys(callBy(changes), { size: 10 })).map(({ id }) => id);

  describe('that are personal', () => {
    it('are shown to owners, and to the user whose they are', async () => {
      const { owners, members } = personal;
      expect(await listedFor({ isOwner: true })).to.deep.equal([owners.id, members.id]);
      expect(await listedFor({ kind: 'user', userId: member.id })).to.deep.equal([members.id]);
    });

    it('are shown to no other admin, nor to a key that their user issued, and take no place on a page', async () => {
      const issued = newApiKey(owner);
      await test.stores.apiKeys.createApiKey(issued, newEvent());
      for (const caller of [{}, { kind: 'user' }, { userId: owner.id }] as const) {
        expect(await listedFor(caller)).to.deep.equal([issued.id]);
      }
      expect(await directory.listApiKeys(callBy({}), { size: 1 })).to.deep.equal([{ ...issued, lastUsedAt: null }]);
    });

    it('are revoked by owners, and by the user whose they are', async () => {
      const { owners, members } = personal;
      const ofOwner = await directory.revokeApiKey(callBy({ isOwner: true }), owners.id);
      expect(ofOwner).to.deep.equal({ ...owners, revokedAt: createdAt, lastUsedAt: null });
      const revoked = await directory.revokeApiKey(callBy({ kind: 'user', userId: member.id }), members.id);
      expect(revoked).to.deep.equal({ ...members, revokedAt: createdAt, lastUsedAt: null });
    });

    it('are as good as absent for others who would revoke them', async () => {
      for (const caller of [{}, { kind: 'user' }, { userId: owner.id }] as const) {
        const refusal = await refusalOf(directory.revokeApiKey(callBy(caller), personal.owners.id));
        const absent = await refusalOf(directory.revokeApiKey(callBy(caller), newId()));
        expect([refusal.code, refusal.message]).to.deep.equal([absent.code, absent.message]);
        expect(refusal.code).to.equal('not_found');
      }
      expect(await test.asSuperuser('select 1 from api_key where revoked_at is not null')).to.deep.equal([]);
      expect(await test.asSuperuser(`select 1 from audit_event where action = 'api_keys.revoke'`)).to.deep.equal([]);
    });
  });

  describe('that a key issues which ends', () => {
    const end = new Date('2024-06-01T00:00:00Z');

    it('end no later than it does', async () => {
      for (const expiresAt of [null, new Date(end.getTime() + 1)]) {
        const refusal = await refusalOf(issue(expiresAt, { expiresAt: end }));
        expect(refusal.code).to.equal('permission_denied');
        expect(refusal.details.field).to.equal('expires_at');
      }
      expect((await issue(end, { expiresAt: end })).apiKey.expiresAt).to.deep.equal(end);
    });

    it('need no end where it has none', async () => {
      expect((await issue(null, { expiresAt: null })).apiKey.expiresAt).to.equal(null);
    });

    it('are in the trail with the id of their issuer, also when it acts for another user', async () => {
      const issuer = newId();
      const { apiKey } = await issue(null, { id: issuer });
      const events = await test.asSuperuser(
        `select actor_kind, actor_id from audit_event where action = 'api_keys.create' and resource_id = $1`,
        [apiKey.id],
      );
      expect(events).to.deep.equal([{ actor_kind: 'api_key', actor_id: issuer }]);
    });
  });
});
