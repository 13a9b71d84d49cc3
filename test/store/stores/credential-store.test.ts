import { expect } from 'chai';
import { Client } from 'pg';
import { VaultError } from '../../../src/vault/errors.ts';
import { shortIdOf } from '../../../src/vault/ids.ts';
import type { Decision, FoundCredential } from '../../../src/vault/credentials/decision-ports.ts';
import {
  addCredential,
  addWorkspace,
  createdAt,
  creationOf,
  newCredential,
  newEvent,
  newId,
  newVersion,
  openTestStores,
  patience,
  setUpInstance,
  until,
  type TestStores,
} from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

describe('the credential store', () => {
  let test: TestStores;
  let workspaceId: string;
  let otherWorkspaceId: string;
  /** The events of a test come after this id. */
  let begin: string;

  before(async () => {
    test = await openTestStores(8);
    const { workspace, owner } = await setUpInstance(test);
    workspaceId = workspace.id;
    otherWorkspaceId = (await addWorkspace(test, owner)).id;
  });

  beforeEach(async () => {
    await test.asSuperuser('truncate credential, credential_version');
    begin = newId();
  });

  after(async () => {
    await test.close();
  });

  const everything = {
    nameIsExclusive: true,
    description: 'what it is for',
    category: 'llm',
    scope: 'team',
    tags: ['a', 'b "quoted"', '', 'é, {x}'],
    labels: { env: 'prod', 'a.b': '' },
    metadata: { z: 1, a: [null, true, { b: 'c' }], big: 1e300 },
    expiresAt: new Date('2030-06-01T12:34:56.789Z'),
  };

  const events = () =>
    test.asSuperuser<{ action: string; outcome: string; resource_id: string | null }>(
      'select action, outcome, resource_id from audit_event where id > $1 order by id',
      [begin],
    );

  const find = (id: string, workspace = workspaceId) =>
    test.stores.credentials.find({ workspaceId: workspace, reference: { id }, signal: patience });

  /** Changes a credential by what it is, under its lock. */
  async function change(
    id: string,
    decide: (found: FoundCredential) => Pick<Extract<Decision<null>, { answer: null }>, 'update'>,
  ): Promise<null> {
    const target = { workspaceId, reference: { id }, lock: true, sealed: true, deletedToo: true, signal: patience };
    return test.stores.credentials.decide(target, (found) => {
      if (!found) throw new Error('it is gone');
      return { ...decide(found), event: newEvent({ action: 'credentials.update' }), answer: null };
    });
  }

  const list = async (request: Partial<Parameters<TestStores['stores']['credentials']['list']>[0]>) => {
    const whole = { workspaceId, order: 'ascending', size: 10, now: createdAt, signal: patience, ...request } as const;
    return (await test.stores.credentials.list(whole)).map(({ id }) => id);
  };

  async function addSeveral(count: number, changes = {}): Promise<string[]> {
    const ids: string[] = [];
    for (let index = 0; index < count; index += 1) {
      ids.push((await addCredential(test, newCredential(workspaceId, changes))).id);
    }
    return ids;
  }

  describe('creating', () => {
    it('keeps every member as it was', async () => {
      const credential = newCredential(workspaceId, everything);
      expect(await addCredential(test, credential)).to.equal(credential);
      expect(await find(credential.id)).to.deep.equal(credential);
    });

    it('keeps the order of the members of metadata', async () => {
      const credential = await addCredential(test, newCredential(workspaceId, everything));
      const found = await find(credential.id);
      expect(JSON.stringify(found?.metadata)).to.equal(JSON.stringify(everything.metadata));
    });

    it('writes the event with it', async () => {
      const { id } = await addCredential(test, newCredential(workspaceId));
      expect(await events()).to.deep.equal([{ action: 'credentials.create', outcome: 'OK', resource_id: id }]);
    });

    it('refuses an id that is taken, and writes nothing', async () => {
      const taken = await addCredential(test, newCredential(workspaceId));
      const again = await rejectionOf(addCredential(test, newCredential(workspaceId, { id: taken.id })));
      expect(again).to.be.instanceOf(VaultError).with.property('code', 'id_taken');
      expect(await events()).to.have.length(1);
    });

    it('refuses a short id that is taken in the workspace, but not one of another workspace', async () => {
      const taken = newCredential(workspaceId, { id: '018f3c5e-7b2a-7c3d-8f00-112233445566' });
      await addCredential(test, taken);
      const alike = { id: '018f3c5e-7b2b-7c3e-8f00-112233445566' };
      const refused = await rejectionOf(addCredential(test, newCredential(workspaceId, alike)));
      expect(refused).to.be.instanceOf(VaultError).with.property('code', 'id_taken');
      await addCredential(test, newCredential(otherWorkspaceId, alike));
    });

    it('lets exactly one of twenty have an exclusive name', async () => {
      const creations = Array.from({ length: 20 }, () =>
        rejectionOf(addCredential(test, newCredential(workspaceId, { name: 'the one', nameIsExclusive: true }))),
      );
      const refusals = (await Promise.all(creations)).filter((error) => error !== undefined);
      expect(refusals).to.have.length(19);
      for (const refusal of refusals) {
        expect(refusal).to.be.instanceOf(VaultError).with.property('code', 'name_taken');
        const details = { resource: 'credential', id: 'the one', workspace: workspaceId };
        expect(refusal).to.have.deep.property('details', details);
      }
      expect(await events()).to.have.length(1);
    });

    it('lets a name be had twice where either is not exclusive, or the workspaces differ', async () => {
      await addCredential(test, newCredential(workspaceId, { name: 'n', nameIsExclusive: true }));
      await addCredential(test, newCredential(workspaceId, { name: 'n' }));
      await addCredential(test, newCredential(workspaceId, { name: 'n' }));
      await addCredential(test, newCredential(otherWorkspaceId, { name: 'n', nameIsExclusive: true }));
      expect(await events()).to.have.length(4);
    });

    it('does not let a decision write in another workspace', async () => {
      const target = { workspaceId, signal: patience };
      const foreign = newCredential(otherWorkspaceId);
      const refused = await rejectionOf(test.stores.credentials.decide(target, () => creationOf(foreign)));
      expect(refused).to.be.instanceOf(Error).and.not.instanceOf(VaultError);
      expect(await find(foreign.id, otherWorkspaceId)).to.equal(undefined);
    });
  });

  describe('deciding', () => {
    it('finds by either spelling of the id, with the sealed version only where it is wanted', async () => {
      const version = newVersion();
      const credential = await addCredential(test, newCredential(workspaceId), version);
      for (const reference of [{ id: credential.id }, { shortId: shortIdOf(credential.id) }]) {
        for (const lock of [false, true]) {
          for (const sealed of [false, true]) {
            const target = { workspaceId, reference, lock, sealed, signal: patience };
            const found = await test.stores.credentials.decide(target, (it) => ({ event: newEvent(), answer: it }));
            expect(found?.credential).to.deep.equal(credential);
            expect(found?.current && { ...found.current, sealed: [...found.current.sealed] }).to.deep.equal(
              sealed ? { ...version, sealed: [...version.sealed] } : undefined,
            );
          }
        }
      }
    });

    it('finds nothing that is unknown, of another workspace, or deleted', async () => {
      const foreign = await addCredential(test, newCredential(otherWorkspaceId));
      const deleted = await addCredential(test, newCredential(workspaceId, { deletedAt: createdAt }));
      for (const sealed of [false, true]) {
        for (const id of [newId(), foreign.id, deleted.id]) {
          const target = { workspaceId, reference: { id }, sealed, signal: patience };
          const found = await test.stores.credentials.decide(target, (it) => ({ event: newEvent(), answer: it }));
          expect(found).to.equal(undefined);
        }
      }
    });

    it('finds what is deleted where that is wanted', async () => {
      const { id } = await addCredential(test, newCredential(workspaceId, { deletedAt: createdAt }));
      for (const sealed of [false, true]) {
        const target = { workspaceId, reference: { id }, deletedToo: true, sealed, signal: patience };
        const found = await test.stores.credentials.decide(target, (it) => ({ event: newEvent(), answer: it }));
        expect(found?.credential.deletedAt).to.deep.equal(createdAt);
      }
    });

    it('writes the event of a refusal, and then refuses', async () => {
      const refusal = new VaultError('credential_inactive', 'no');
      const target = { workspaceId, signal: patience };
      const event = newEvent({ action: 'secrets.reveal', outcome: 'DENIED' });
      expect(await rejectionOf(test.stores.credentials.decide(target, () => ({ event, refusal })))).to.equal(refusal);
      expect(await events()).to.deep.equal([{ action: 'secrets.reveal', outcome: 'DENIED', resource_id: null }]);
    });

    it('throws what the decision throws, with nothing written', async () => {
      const failure = new VaultError('not_found', 'not there');
      const target = { workspaceId, signal: patience };
      const refused = test.stores.credentials.decide(target, () => {
        throw failure;
      });
      expect(await rejectionOf(refused)).to.equal(failure);
      expect(await events()).to.deep.equal([]);
    });

    it('writes nothing, not even the event, when the call is aborted before it commits', async () => {
      const abort = new AbortController();
      const target = { workspaceId, signal: abort.signal };
      const credential = newCredential(workspaceId);
      const aborted = test.stores.credentials.decide(target, () => {
        abort.abort();
        return creationOf(credential);
      });
      expect(await rejectionOf(aborted))
        .to.be.instanceOf(VaultError)
        .with.property('code', 'canceled');
      expect(await find(credential.id)).to.equal(undefined);
      expect(await events()).to.deep.equal([]);
    });

    it('frees the server when a call is aborted that waits for a lock of somebody else', async () => {
      const { id } = await addCredential(test, newCredential(workspaceId));
      const holder = new Client(test.target.connection);
      await holder.connect();
      await holder.query('begin');
      await holder.query('select 1 from credential for update');
      const abort = new AbortController();
      const target = { workspaceId, reference: { id }, lock: true, signal: abort.signal };
      const waiting = rejectionOf(test.stores.credentials.decide(target, () => ({ event: newEvent(), answer: null })));
      const waiters = () => test.asSuperuser(`select 1 from pg_stat_activity where wait_event_type = 'Lock'`);
      await until(async () => (await waiters()).length === 1);
      abort.abort();
      expect(await waiting)
        .to.be.instanceOf(VaultError)
        .with.property('code', 'canceled');
      expect(await waiters()).to.deep.equal([]);
      await holder.end();
    });
  });

  describe('updating', () => {
    it('keeps every member that may change', async () => {
      const credential = await addCredential(test, newCredential(workspaceId));
      const changed = {
        ...credential,
        ...everything,
        name: 'another name',
        provider: 'slack',
        authType: 'slack',
        isActive: false,
        revision: 2,
        updatedAt: new Date('2024-02-01T00:00:00.456Z'),
      };
      await change(credential.id, () => ({ update: { credential: changed } }));
      expect(await find(credential.id)).to.deep.equal(changed);
    });

    it('loses no update of several at once, and each sees the version that the one before it added', async () => {
      const { id } = await addCredential(test, newCredential(workspaceId));
      const seen: number[] = [];
      const addVersion = () =>
        change(id, ({ credential, current }) => {
          seen.push(current?.version ?? Number.NaN);
          const next = credential.currentVersion + 1;
          const changed = { ...credential, currentVersion: next, revision: credential.revision + 1 };
          return { update: { credential: changed, version: newVersion({ version: next }) } };
        });
      await Promise.all(Array.from({ length: 12 }, addVersion));
      const found = await find(id);
      expect([found?.currentVersion, found?.revision]).to.deep.equal([13, 13]);
      expect(seen.toSorted((a, b) => a - b)).to.deep.equal(Array.from({ length: 12 }, (_, index) => index + 1));
      expect(await test.asSuperuser('select 1 from credential_version')).to.have.length(13);
    });

    it('refuses a name that is taken, and takes one that a deletion has freed', async () => {
      const first = await addCredential(test, newCredential(workspaceId, { name: 'n', nameIsExclusive: true }));
      const second = await addCredential(test, newCredential(workspaceId, { name: 'm', nameIsExclusive: true }));
      const rename = () =>
        change(second.id, ({ credential }) => ({ update: { credential: { ...credential, name: 'n' } } }));
      expect(await rejectionOf(rename()))
        .to.be.instanceOf(VaultError)
        .with.property('code', 'name_taken');
      await change(first.id, ({ credential }) => ({ update: { credential: { ...credential, deletedAt: createdAt } } }));
      await rename();
      expect((await find(second.id))?.name).to.equal('n');
      expect(await find(first.id)).to.equal(undefined);
    });

    it('refuses to undelete onto a name that has been taken meanwhile', async () => {
      const exclusive = { name: 'n', nameIsExclusive: true };
      const deleted = await addCredential(test, newCredential(workspaceId, { ...exclusive, deletedAt: createdAt }));
      await addCredential(test, newCredential(workspaceId, exclusive));
      const undelete = change(deleted.id, ({ credential }) => ({
        update: { credential: { ...credential, deletedAt: null } },
      }));
      expect(await rejectionOf(undelete))
        .to.be.instanceOf(VaultError)
        .with.property('code', 'name_taken');
    });

    it('demands the lock', async () => {
      const credential = await addCredential(test, newCredential(workspaceId));
      const target = { workspaceId, reference: { id: credential.id }, signal: patience };
      const decision = { update: { credential }, event: newEvent(), answer: null };
      const refused = await rejectionOf(test.stores.credentials.decide(target, () => decision));
      expect(refused).to.be.instanceOf(Error).and.not.instanceOf(VaultError);
    });
  });

  describe('finding', () => {
    it('takes either spelling of the id', async () => {
      const credential = await addCredential(test, newCredential(workspaceId));
      const reference = { shortId: shortIdOf(credential.id) };
      expect(await test.stores.credentials.find({ workspaceId, reference, signal: patience })).to.deep.equal(
        credential,
      );
    });

    it('does not find what is unknown, of another workspace, or deleted', async () => {
      const foreign = await addCredential(test, newCredential(otherWorkspaceId));
      const deleted = await addCredential(test, newCredential(workspaceId, { deletedAt: createdAt }));
      for (const id of [newId(), foreign.id, deleted.id]) expect(await find(id)).to.equal(undefined);
    });
  });

  it('needs no right to read ciphertext for anything but a decision that asks for it', async () => {
    const { id } = await addCredential(test, newCredential(workspaceId));
    await test.asSuperuser('revoke select on credential_version from coffer_app');
    try {
      expect(await find(id)).not.to.equal(undefined);
      expect(await list({})).to.deep.equal([id]);
      const decide = (sealed: boolean) => {
        const target = { workspaceId, reference: { id }, sealed, signal: patience };
        return test.stores.credentials.decide(target, (found) => ({ event: newEvent(), answer: found?.credential.id }));
      };
      expect(await decide(false)).to.equal(id);
      expect(await rejectionOf(decide(true))).to.have.property('sqlState', '42501');
    } finally {
      await test.asSuperuser('grant select on credential_version to coffer_app');
    }
  });

  describe('listing', () => {
    it('is in the order of creation, or the other way round, and continues behind an id', async () => {
      await addCredential(test, newCredential(otherWorkspaceId));
      const ids = await addSeveral(5);
      expect(await list({})).to.deep.equal(ids);
      expect(await list({ size: 2 })).to.deep.equal(ids.slice(0, 2));
      expect(await list({ size: 2, after: ids[1] ?? '' })).to.deep.equal(ids.slice(2, 4));
      expect(await list({ order: 'descending', size: 3 })).to.deep.equal(ids.toReversed().slice(0, 3));
      expect(await list({ order: 'descending', after: ids[2] ?? '' })).to.deep.equal(ids.slice(0, 2).toReversed());
    });

    it('shows the deleted where that is wanted', async () => {
      const [valid] = await addSeveral(1);
      const [deleted] = await addSeveral(1, { deletedAt: createdAt });
      expect(await list({})).to.deep.equal([valid]);
      expect(await list({ deletedToo: true })).to.deep.equal([valid, deleted]);
    });

    it('can be filtered by auth types, without regard to case', async () => {
      const [key] = await addSeveral(1, { authType: 'API_Key' });
      const [slack] = await addSeveral(1, { authType: 'slack' });
      await addSeveral(1, { authType: 'api_key2' });
      expect(await list({ authTypes: ['api_KEY'] })).to.deep.equal([key]);
      expect(await list({ authTypes: ['api_key', 'SLACK'] })).to.deep.equal([key, slack]);
      expect(await list({ authTypes: [] })).to.deep.equal([]);
    });

    it('takes an auth type for a value and nothing else', async () => {
      await addSeveral(1);
      expect(await list({ authTypes: [`') or true --`, '?', '$1', '\\'] })).to.deep.equal([]);
    });
  });

  describe('recording uses', () => {
    it('adds uses, keeps the latest time, and does not touch revisions and other workspaces', async () => {
      const one = await addCredential(test, newCredential(workspaceId));
      const other = await addCredential(test, newCredential(otherWorkspaceId));
      const late = new Date('2024-03-01T00:00:00.001Z');
      const early = new Date('2024-02-01T00:00:00.002Z');
      await test.stores.credentials.recordUses([
        { workspaceId, id: one.id, lastUsedAt: early, uses: 2 },
        { workspaceId, id: one.id, lastUsedAt: late, uses: 1 },
        { workspaceId: otherWorkspaceId, id: other.id, lastUsedAt: early, uses: 5 },
        { workspaceId, id: newId(), lastUsedAt: late, uses: 1 },
      ]);
      await test.stores.credentials.recordUses([{ workspaceId, id: one.id, lastUsedAt: early, uses: 4 }]);
      expect(await find(one.id)).to.deep.equal({ ...one, lastUsedAt: late, useCount: 7 });
      expect(await find(other.id, otherWorkspaceId)).to.deep.equal({ ...other, lastUsedAt: early, useCount: 5 });
    });

    it('counts nothing for a credential under another workspace than its own', async () => {
      const one = await addCredential(test, newCredential(workspaceId));
      const other = await addCredential(test, newCredential(otherWorkspaceId));
      await test.stores.credentials.recordUses([
        { workspaceId, id: other.id, lastUsedAt: createdAt, uses: 1 },
        { workspaceId: otherWorkspaceId, id: one.id, lastUsedAt: createdAt, uses: 1 },
      ]);
      expect((await find(one.id))?.useCount).to.equal(0);
      expect((await find(other.id, otherWorkspaceId))?.useCount).to.equal(0);
    });

    it('loses none of several flushes at once, in whatever order they list the credentials', async () => {
      const ids = await Promise.all(
        Array.from({ length: 20 }, async () => (await addCredential(test, newCredential(workspaceId))).id),
      );
      const uses = ids.map((id) => ({ workspaceId, id, lastUsedAt: createdAt, uses: 1 }));
      await Promise.all(
        Array.from({ length: 16 }, (_, index) =>
          test.stores.credentials.recordUses(index % 2 === 0 ? uses : uses.toReversed()),
        ),
      );
      const rows = await test.asSuperuser('select distinct use_count::int, revision from credential');
      expect(rows).to.deep.equal([{ use_count: 16, revision: 1 }]);
    });

    it('does nothing for no uses', async () => {
      await test.stores.credentials.recordUses([]);
    });
  });
});
