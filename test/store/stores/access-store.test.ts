import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { ApiKey, Membership, Session, User } from '../../../src/vault/identity/identity.ts';
import {
  addWorkspace,
  createdAt,
  newApiKey,
  eventOfRevocation,
  newEvent,
  newId,
  openTestStores,
  patience,
  setUpInstance,
  type TestStores,
} from '../fixtures.ts';

describe('the access store', () => {
  let test: TestStores;
  let owner: User;
  let membership: Membership;
  let apiKey: ApiKey;
  let session: Session;

  before(async () => {
    test = await openTestStores();
  });

  beforeEach(async () => {
    await test.reset();
    const instance = await setUpInstance(test);
    ({ owner, membership } = instance);
    apiKey = newApiKey(owner, { dialect: 'scale', expiresAt: new Date('2030-01-01T00:00:00.789Z') });
    await test.stores.apiKeys.createApiKey(apiKey, newEvent());
    session = { id: newId(), userId: owner.id, hash: randomBytes(32), expiresAt: new Date('2030-01-01'), createdAt };
    await test.stores.users.createSession({
      session,
      passwordHash: null,
      keep: 5,
      event: newEvent(),
      eventOf: eventOfRevocation,
    });
  });

  after(async () => {
    await test.close();
  });

  const findKey = (hash = apiKey.hash) => test.stores.access.findApiKey(hash, patience);
  const findSession = (hash = session.hash) => test.stores.access.findSession(hash, patience);

  async function tamper(text: string, ...values: unknown[]): Promise<void> {
    const changed = await test.asSuperuser(`${text} returning 1`, values);
    expect(changed).not.to.deep.equal([]);
  }

  function expectReport(table: string, id: string): void {
    expect(test.log.lines.filter(({ level }) => level === 'error')).to.deep.include({
      level: 'error',
      fields: { table, id },
      message: 'a row that grants access fails its MAC: it grants nothing',
    });
  }

  it('finds an API key with its user and all memberships', async () => {
    const { id } = await addWorkspace(test, owner);
    const second = { workspaceId: id, userId: owner.id, role: 'ADMIN', mayReveal: true } as const;
    expect(await findKey()).to.deep.equal({ apiKey, access: { user: owner, memberships: [membership, second] } });
  });

  it('finds a session with its user and all memberships', async () => {
    expect(await findSession()).to.deep.equal({ session, access: { user: owner, memberships: [membership] } });
  });

  it('finds a user who is a member of nothing', async () => {
    await test.asSuperuser('delete from membership');
    expect((await findKey())?.access).to.deep.equal({ user: owner, memberships: [] });
  });

  it('finds nothing by an unknown hash, nor by that of the other kind', async () => {
    expect(await findKey(randomBytes(32))).to.equal(undefined);
    expect(await findKey(session.hash)).to.equal(undefined);
    expect(await findSession(apiKey.hash)).to.equal(undefined);
  });

  it('finds revoked keys as such', async () => {
    const { id, workspaceId } = apiKey;
    const revokedAt = new Date('2024-05-05T05:05:05.005Z');
    await test.stores.apiKeys.revokeApiKey({ workspaceId, id, revokedAt, event: newEvent() });
    expect((await findKey())?.apiKey.revokedAt).to.deep.equal(revokedAt);
  });

  describe('where the database was tampered with', () => {
    const keyForgeries: Record<string, string> = {
      'raised in role': `update api_key set role = 'ADMIN'`,
      'made personal': 'update api_key set role = null',
      'moved to another workspace': 'update api_key set workspace_id = (select max(id::text)::uuid from workspace)',
      'given another token': 'update api_key set hash = $1',
      'given the right to reveal': 'update api_key set may_reveal = not may_reveal',
      'given another dialect': 'update api_key set dialect = null',
      'made to last for ever': 'update api_key set expires_at = null',
      'given a MAC of nothing': `update api_key set mac = ''`,
      'given the MAC of another row': 'update api_key set mac = (select mac from session)',
    };

    for (const [forgery, text] of Object.entries(keyForgeries)) {
      it(`takes an API key for absent that was ${forgery}, and reports it`, async () => {
        await addWorkspace(test, owner);
        const hash = text.includes('$1') ? randomBytes(32) : apiKey.hash;
        await tamper(`${text} where id = '${apiKey.id}'`, ...(text.includes('$1') ? [hash] : []));
        expect(await findKey(hash)).to.equal(undefined);
        expectReport('api_key', apiKey.id);
      });
    }

    it('takes an API key for absent whose revocation was taken back', async () => {
      const { id, workspaceId } = apiKey;
      await test.stores.apiKeys.revokeApiKey({ workspaceId, id, revokedAt: createdAt, event: newEvent() });
      await tamper('update api_key set revoked_at = null where id = $1', id);
      expect(await findKey()).to.equal(undefined);
      expectReport('api_key', id);
    });

    it('takes an API key for absent that was inserted', async () => {
      const hash = randomBytes(32);
      await tamper(
        `insert into api_key (id, workspace_id, user_id, name, hash, prefix, role, may_reveal, created_at, mac)
         select $1, workspace_id, user_id, name, $2, prefix, role, may_reveal, created_at, mac from api_key where id = $3`,
        newId(),
        hash,
        apiKey.id,
      );
      expect(await findKey(hash)).to.equal(undefined);
    });

    it('takes a session for absent that was made to last or given another token', async () => {
      await tamper(`update session set expires_at = expires_at + interval '1 year'`);
      expect(await findSession()).to.equal(undefined);
      expectReport('session', session.id);
      const hash = randomBytes(32);
      await tamper('update session set expires_at = $1, hash = $2', session.expiresAt, hash);
      expect(await findSession(hash)).to.equal(undefined);
    });

    for (const change of ['is_owner = not is_owner', `password_hash = 'x'`]) {
      it(`takes a user for absent, with all keys and sessions, after: ${change}`, async () => {
        await tamper(`update "user" set ${change}`);
        expect(await findKey()).to.equal(undefined);
        expect(await findSession()).to.equal(undefined);
        expectReport('user', owner.id);
      });
    }

    for (const change of [`role = 'RUNTIME'`, 'may_reveal = false']) {
      it(`takes a membership for absent after: ${change}`, async () => {
        await tamper(`update membership set ${change}`);
        expect((await findKey())?.access.memberships).to.deep.equal([]);
        expectReport('membership', `${owner.id}/${membership.workspaceId}`);
      });
    }

    it('takes a membership for absent that was inserted', async () => {
      const foreign = newId();
      await tamper(
        `insert into workspace (id, name, created_by, created_at) values ($1, 'foreign', $1, now())`,
        foreign,
      );
      await tamper(
        `insert into membership (user_id, workspace_id, role, may_reveal, mac)
         select user_id, $1, role, may_reveal, mac from membership`,
        foreign,
      );
      expect((await findKey())?.access.memberships).to.deep.equal([membership]);
    });
  });

  it('writes no hash to the log', async () => {
    await test.asSuperuser(`update api_key set may_reveal = not may_reveal`);
    await findKey();
    const logged = JSON.stringify(test.log.lines);
    expect(logged).to.include('fails its MAC');
    expect(logged).not.to.include(Buffer.from(apiKey.hash).toString('hex'));
  });
});
