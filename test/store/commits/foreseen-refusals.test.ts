import { expect } from 'chai';
import { Client } from 'pg';
import { openDatabase } from '../../../src/store/postgres/database.ts';
import type { Credential } from '../../../src/vault/credentials/credential.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import {
  addCredential,
  addWorkspace,
  createdAt,
  creationOf,
  newApiKey,
  newCredential,
  newEvent,
  newUser,
  openTestStores,
  patience,
  setUpInstance,
  until,
  type TestStores,
} from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

const idOf = (number: number) => `018f3c5e-7b2a-7c3d-8f00-00000000000${number}`;

describe('decisions that claim what another process has taken', () => {
  let test: TestStores;
  let workspaces: readonly [string, string];

  before(async () => {
    test = await openTestStores(8);
    const { workspace, owner } = await setUpInstance(test);
    workspaces = [workspace.id, (await addWorkspace(test, owner)).id];
  });

  beforeEach(async () => {
    await test.empty('credential, credential_version, audit_event, audit_ledger');
  });

  after(async () => {
    await test.close();
  });

  const transactions = async () => (await test.asSuperuser('select distinct xmin::text from audit_event')).length;

  const eventCount = async () => (await test.asSuperuser('select 1 from audit_event')).length;

  const taken = { name: 'taken', nameIsExclusive: true };
  const takenId = '018f3c5e-7b2a-7c3d-8f00-0000000000aa';
  const sameShortId = '018f3c5e-7b2a-7c3e-8f00-0000000000aa';

  /** The claim, and the code of its refusal. */
  const claims: Readonly<Record<string, (workspaceId: string) => readonly [Promise<unknown>, string]>> = {
    'an announced exclusive name of a create': (workspaceId) => [announced(workspaceId), 'name_taken'],
    'an exclusive name of a create': (workspaceId) => [
      addCredential(test, newCredential(workspaceId, taken)),
      'name_taken',
    ],
    'an exclusive name of a rename': (workspaceId) => [change(workspaceId, idOf(1), taken), 'name_taken'],
    'the exclusive name of a deleted credential that comes back': (workspaceId) => [
      change(workspaceId, idOf(2), { deletedAt: null }),
      'name_taken',
    ],
    'an id': (workspaceId) => [addCredential(test, newCredential(workspaceId, { id: takenId })), 'id_taken'],
    'a short id': (workspaceId) => [addCredential(test, newCredential(workspaceId, { id: sameShortId })), 'id_taken'],
  };

  async function announced(workspaceId: string): Promise<unknown> {
    const target = { workspaceId, exclusiveName: taken.name, signal: patience };
    return test.stores.credentials.decide(target, () => creationOf(newCredential(workspaceId, taken)));
  }

  async function change(workspaceId: string, id: string, changes: Partial<Credential>): Promise<unknown> {
    const target = { workspaceId, reference: { id }, deletedToo: true, lock: true, signal: patience };
    return test.stores.credentials.decide(target, (found) => {
      if (!found) throw new Error('it is gone');
      const credential = { ...found.credential, ...changes, revision: 2 };
      return { update: { credential }, event: newEvent({ workspaceId }), answer: null };
    });
  }

  for (const [title, claim] of Object.entries(claims)) {
    it(`are refused separately, in the transaction of the others: ${title}`, async () => {
      const [workspaceId, elsewhere] = workspaces;
      await addCredential(test, newCredential(workspaceId, { id: idOf(1) }));
      await addCredential(test, newCredential(workspaceId, { id: idOf(2), ...taken, deletedAt: createdAt }));
      await addCredential({ ...test, stores: test.newStores() }, newCredential(workspaceId, { id: takenId, ...taken }));
      const before = { events: await eventCount(), transactions: await transactions() };
      const first = addCredential(test, newCredential(elsewhere));
      const neighbor = addCredential(test, newCredential(elsewhere));
      const [claiming, code] = claim(workspaceId);
      const last = addCredential(test, newCredential(elsewhere));
      const refusals = await Promise.all([first, neighbor, claiming, last].map(rejectionOf));
      expect(refusals.map(codeOf)).to.deep.equal([undefined, undefined, code, undefined]);
      expect(await eventCount()).to.equal(before.events + 3);
      expect(await transactions()).to.equal(before.transactions + 2);
      const versions = await test.asSuperuser('select 1 from credential_version');
      expect(versions).to.have.length(6);
      const [numbers] = await test.asSuperuser(`
        select max(seq)::int - min(seq)::int + 1 as span, count(*)::int as count from audit_event
        where stream = (select stream from audit_event group by 1 order by count(*) desc limit 1)`);
      expect(numbers).to.deep.equal({ span: 5, count: 5 });
    });
  }

  it('are refused separately also where the other process commits while they are being written', async () => {
    const [workspaceId, elsewhere] = workspaces;
    const { id } = await addCredential(test, newCredential(workspaceId, { ...taken, name: 'free' }));
    await addCredential(test, newCredential(elsewhere));
    const holder = new Client(test.target.connection);
    await holder.connect();
    await holder.query(`begin; update credential set exclusive_name = 'taken' where id = '${id}'`);
    const first = addCredential(test, newCredential(elsewhere));
    const group = [addCredential(test, newCredential(elsewhere)), announced(workspaceId)].map(rejectionOf);
    await first;
    const waiting = `datname = current_database() and wait_event_type = 'Lock'`;
    await until(async () => (await test.asSuperuser(`select 1 from pg_stat_activity where ${waiting}`)).length > 0);
    await holder.query('commit');
    await holder.end();
    expect((await Promise.all(group)).map(codeOf)).to.deep.equal([undefined, 'name_taken']);
    expect(await eventCount()).to.equal(4);
    expect(await transactions()).to.equal(4);
  });

  it('are refused but for the first where several claim the same name at the same time', async () => {
    const [workspaceId, elsewhere] = workspaces;
    const first = addCredential(test, newCredential(elsewhere));
    const same = Array.from({ length: 5 }, () => addCredential(test, newCredential(workspaceId, taken)));
    const last = addCredential(test, newCredential(elsewhere));
    const refusals = await Promise.all([first, ...same, last].map(rejectionOf));
    const lost = ['name_taken', 'name_taken', 'name_taken', 'name_taken'];
    expect(refusals.map(codeOf)).to.deep.equal([undefined, undefined, ...lost, undefined]);
    expect(await eventCount()).to.equal(3);
    expect(await transactions()).to.equal(2);
  });

  it('roll back no transaction, nor does a taken name of a user or of a certificate', async () => {
    const [workspaceId, elsewhere] = workspaces;
    const database = await openDatabase({ ...test.target, poolMax: 2, role: 'coffer_app', log: test.log });
    const { users, apiKeys, credentials } = test.newStores(database);
    const owner = newUser(workspaceId, { name: 'first', passwordHash: 'hash' });
    const certificate = { hash: Buffer.alloc(32, 1), prefix: 'DNS:a.example.com' };
    await test.stores.users.createUser(owner, newEvent());
    await test.stores.apiKeys.createApiKey(newApiKey(owner, certificate), newEvent());
    await addCredential(test, newCredential(workspaceId, taken));
    const before = await rolledBack();
    const operations = Array.from({ length: 20 }, () => [
      users.createUser(newUser(workspaceId, { name: 'first', passwordHash: 'hash' }), newEvent()),
      apiKeys.createApiKey(newApiKey(owner, certificate), newEvent()),
      credentials.decide({ workspaceId, signal: patience }, () => creationOf(newCredential(workspaceId, taken))),
      credentials.decide({ workspaceId: elsewhere, signal: patience }, () => creationOf(newCredential(elsewhere))),
    ]);
    const codes = (await Promise.all(operations.flat().map(rejectionOf))).map(codeOf);
    // A session counts what it has done at the latest when it ends.
    await database.close();
    expect(codes).to.deep.equal(operations.flatMap(() => ['name_taken', 'name_taken', 'name_taken', undefined]));
    expect(await rolledBack()).to.equal(before);
  });

  async function rolledBack(): Promise<number | undefined> {
    const text = 'select xact_rollback::int as count from pg_stat_database where datname = current_database()';
    const [row] = await test.asSuperuser<{ count: number }>(text);
    return row?.count;
  }
});

function codeOf(error: unknown): unknown {
  return error instanceof VaultError ? error.code : error;
}
