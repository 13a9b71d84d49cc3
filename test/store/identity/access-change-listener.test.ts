import { expect } from 'chai';
import type { AccessChange } from '../../../src/vault/identity/ports.ts';
import type { User } from '../../../src/vault/identity/identity.ts';
import { AccessChangeListener } from '../../../src/store/identity/access-change-listener.ts';
import {
  addWorkspace,
  newApiKey,
  eventOfRevocation,
  newEvent,
  openTestStores,
  setUpInstance,
  until,
  type TestStores,
} from '../fixtures.ts';

/** Lets the event loop turn, since nothing comes in while it does not. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the channel of changed grants', () => {
  let test: TestStores;
  let channel: AccessChangeListener;
  let owner: User;
  const told: AccessChange[] = [];

  before(async () => {
    test = await openTestStores();
  });

  beforeEach(async () => {
    await test.reset();
    ({ owner } = await setUpInstance(test));
    channel = openChannel();
    await channel.start();
    await becomesCurrent();
    told.length = 0;
    channel.subscribe((change) => told.push(change));
  });

  afterEach(async () => {
    await channel[Symbol.asyncDispose]();
  });

  after(async () => {
    await test.close();
  });

  function openChannel(
    parts: Partial<ConstructorParameters<typeof AccessChangeListener>[0]> = {},
  ): AccessChangeListener {
    const { database, log, target } = test;
    return new AccessChangeListener({ connection: target.connection, role: 'coffer_app', database, log, ...parts });
  }

  async function becomesCurrent(): Promise<void> {
    await until(async () => {
      await turn();
      return channel.isCurrent();
    });
  }

  async function isTold(change: AccessChange): Promise<void> {
    await until(async () => {
      await turn();
      return told.some((one) => JSON.stringify(one) === JSON.stringify(change));
    });
  }

  const listeners = "from pg_stat_activity where query like 'listen coffer_grants%' and datname = current_database()";

  it('is current once its own notification has come back', async () => {
    const another = openChannel();
    expect(another.isCurrent()).to.equal(false);
    await another.start();
    await until(async () => {
      await turn();
      return another.isCurrent();
    });
    await another[Symbol.asyncDispose]();
    expect(another.isCurrent()).to.equal(false);
  });

  it('is not current again after a doubt before another notice has come back', async () => {
    channel.doubt();
    expect(channel.isCurrent()).to.equal(false);
    await becomesCurrent();
  });

  it('notifies of a key that the vault revokes', async () => {
    const apiKey = newApiKey(owner);
    await test.stores.apiKeys.createApiKey(apiKey, newEvent());
    const { id, workspaceId } = apiKey;
    await test.stores.apiKeys.revokeApiKey({ workspaceId, id, revokedAt: new Date(), event: newEvent() });
    await isTold({ kind: 'api_key', id });
  });

  it('notifies of a member that is added', async () => {
    await addWorkspace(test, owner);
    await isTold({ kind: 'user', id: owner.id });
  });

  const byHand = [
    { what: 'a key that is revoked', statement: 'update api_key set revoked_at = now() returning id', kind: 'api_key' },
    { what: 'a key that is narrowed', statement: "update api_key set tags = '{a}' returning id", kind: 'api_key' },
    {
      what: 'a key that ends earlier',
      statement: 'update api_key set expires_at = now() returning id',
      kind: 'api_key',
    },
    { what: 'a key that is gone', statement: 'delete from api_key returning id', kind: 'api_key' },
    { what: 'a user', statement: 'update "user" set deactivated_at = now() returning id', kind: 'user' },
    { what: 'a role', statement: "update membership set role = 'VIEWER' returning user_id as id", kind: 'user' },
    { what: 'a membership that is gone', statement: 'delete from membership returning user_id as id', kind: 'user' },
    { what: 'a workspace', statement: 'update workspace set name = name returning id', kind: 'workspace' },
  ] as const;

  for (const { what, statement, kind } of byHand) {
    it(`notifies of what an operator changes in SQL: ${what}`, async () => {
      const [row] = await test.asSuperuser<{ readonly id: string }>(statement);
      expect(row).not.to.equal(undefined);
      await isTold({ kind, id: row?.id ?? '' });
    });
  }

  it('notifies of a session that is changed or gone', async () => {
    const session = { id: newApiKey(owner).id, userId: owner.id, hash: Buffer.alloc(32, 7) };
    const lasts = { expiresAt: new Date('2030-01-01'), createdAt: new Date('2024-01-01') };
    const creation = {
      session: { ...session, ...lasts },
      passwordHash: null,
      keep: 5,
      event: newEvent(),
      eventOf: eventOfRevocation,
    };
    await test.stores.users.createSession(creation);
    await test.asSuperuser('delete from session');
    await isTold({ kind: 'session', id: session.id });
  });

  it('notifies of both users, when a membership passes from one to the other', async () => {
    const other = '018cc251-f400-7000-8000-0000000000ff';
    await test.asSuperuser(
      `insert into "user" (id, name, is_owner, default_workspace_id, created_at, mac)
       select $1, 'other', false, default_workspace_id, created_at, mac from "user"`,
      [other],
    );
    await test.asSuperuser('update membership set user_id = $1', [other]);
    await isTold({ kind: 'user', id: other });
    await isTold({ kind: 'user', id: owner.id });
  });

  it('notifies that anything may have changed, when a table is emptied', async () => {
    await test.asSuperuser('truncate api_key');
    await isTold({ kind: 'any' });
  });

  it('does not notify of what is rolled back', async () => {
    await test.asSuperuser('begin; update api_key set revoked_at = now(); rollback');
    channel.doubt();
    // What comes back was sent later.
    await becomesCurrent();
    expect(told).to.deep.equal([]);
  });

  it('has a trigger for every column of a key but when it was last used', async () => {
    const rows = await test.asSuperuser<{ readonly name: string }>(`
      select attname as name from pg_attribute
      where attrelid = 'api_key'::regclass and attnum > 0 and not attisdropped and attname <> 'last_used_at'
        and not attnum = any ((select tgattr from pg_trigger where tgrelid = attrelid and tgname = 'tell_grant_change')::int2[])`);
    expect(rows).to.deep.equal([]);
  });

  it('is not current from the moment on that its connection is lost, reports it, and comes back', async () => {
    await test.asSuperuser(`select pg_terminate_backend(pid) ${listeners}`);
    await isTold({ kind: 'any' });
    expect(channel.isCurrent()).to.equal(false);
    expect(test.log.lines.map(({ message }) => message)).to.include(
      'notices of changed grants are not heard: every call asks the database who is calling',
    );
    told.length = 0;
    await becomesCurrent();
    // What changed meanwhile nobody has heard.
    expect(told).to.deep.equal([{ kind: 'any' }]);
    await test.asSuperuser('update api_key set revoked_at = now()');
    await until(async () => {
      await turn();
      return told.some(({ kind }) => kind === 'api_key');
    });
  });

  it('never becomes current where notices are swallowed, as by a pooler that shares connections', async () => {
    const silent = openChannel({
      database: { query: () => test.database.query({ name: 'nothing', text: 'select 1', values: [] }) },
    });
    await silent.start();
    expect(silent.isListening).to.equal(true);
    for (let turns = 0; turns < 1_000; turns += 1) {
      expect(silent.isCurrent()).to.equal(false);
      await turn();
    }
    await silent[Symbol.asyncDispose]();
  });

  it('does not believe a notice that somebody else sent', async () => {
    channel.doubt();
    await test.asSuperuser("notify coffer_grants, 'mark:018cc251-f400-7000-8000-0000000000ff'");
    await test.asSuperuser("notify coffer_grants, 'no such kind'");
    await isTold({ kind: 'any' });
    expect(told).to.deep.equal([{ kind: 'any' }]);
  });

  it('ends its connection when it is disposed', async () => {
    await channel[Symbol.asyncDispose]();
    await until(async () => (await test.asSuperuser(`select 1 ${listeners}`)).length === 0);
    expect(channel.isListening).to.equal(false);
  });

  it('keeps trying where there is no database, until it is disposed', async () => {
    const lost = openChannel({ connection: { host: '/nonexistent', port: 5432, user: 'coffer', database: 'coffer' } });
    await lost.start();
    expect(lost.isListening).to.equal(false);
    expect(lost.isCurrent()).to.equal(false);
    await lost[Symbol.asyncDispose]();
  });
});
