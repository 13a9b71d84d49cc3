import { expect } from 'chai';
import { array, assert as check, asyncProperty, boolean, constantFrom, record } from 'fast-check';
import { Client } from 'pg';
import { shortIdOf } from '../../../src/vault/ids.ts';
import type { Decision, DecisionTarget, FoundCredential } from '../../../src/vault/credentials/decision-ports.ts';
import type { Stores } from '../../../src/store/stores/stores.ts';
import { VaultError } from '../../../src/vault/errors.ts';
import {
  addCredential,
  addWorkspace,
  createdAt,
  creationOf,
  newCredential,
  newEvent,
  newVersion,
  openTestStores,
  patience,
  setUpInstance,
  until,
  type TestStores,
} from '../fixtures.ts';
import { rejectionOf } from '../../support/refusals.ts';

/** One thing that a caller asks for; credentials, names and workspaces are few, so that they meet. */
interface Operation {
  readonly kind: 'create' | 'recreate' | 'rename' | 'delete' | 'seal' | 'read' | 'readByName' | 'refuse' | 'throw';
  readonly workspace: 0 | 1;
  readonly credential: 0 | 1 | 2;
  readonly name: 'n1' | 'n2' | 'n3';
  readonly byShortId: boolean;
  readonly isExclusive: boolean;
}

const operations = array(
  record<Operation>({
    kind: constantFrom('create', 'recreate', 'rename', 'delete', 'seal', 'read', 'readByName', 'refuse', 'throw'),
    workspace: constantFrom(0, 1),
    credential: constantFrom(0, 1, 2),
    name: constantFrom('n1', 'n2', 'n3'),
    byShortId: boolean(),
    isExclusive: boolean(),
  }),
  { minLength: 2, maxLength: 24 },
);

const idOf = (number: number) => `018f3c5e-7b2a-7c3d-8f00-00000000000${number}`;
const author = '018f3c5e-7b2a-7c3d-8f00-0000000000ff';

describe('the commits of a process', () => {
  let test: TestStores;
  let workspaces: readonly [string, string];

  before(async () => {
    test = await openTestStores(8);
    const { workspace, owner } = await setUpInstance(test);
    workspaces = [workspace.id, (await addWorkspace(test, owner)).id];
  });

  const empty = () => test.empty('credential, credential_version, audit_event, audit_ledger');

  beforeEach(empty);

  after(async () => {
    await test.close();
  });

  const transactions = async () => (await test.asSuperuser('select distinct xmin::text from audit_event')).length;

  const eventCount = async () => (await test.asSuperuser('select 1 from audit_event')).length;

  /** Carries out a deed, and tells how it ended. */
  async function perform({ credentials }: Stores, operation: Operation, index: number): Promise<unknown> {
    const { target, decide } = decisionOf(operation, index);
    return credentials.decide(target, decide).then(
      (answer) => ['answered', answer],
      (error: unknown) => ['refused', error instanceof VaultError ? error.code : error],
    );
  }

  function decisionOf(operation: Operation, index: number) {
    const workspaceId = workspaces[operation.workspace];
    const id = idOf(operation.credential);
    const event = newEvent({ workspaceId, resourceId: String(index), actorName: operation.kind });
    const reference =
      operation.kind === 'readByName'
        ? { name: operation.name }
        : operation.byShortId
          ? { shortId: shortIdOf(id) }
          : { id };
    const isRead = operation.kind === 'read' || operation.kind === 'readByName' || operation.kind === 'refuse';
    const deletedToo = operation.kind === 'recreate';
    const sealed = isRead || operation.kind === 'seal';
    const target: DecisionTarget = {
      workspaceId,
      signal: patience,
      ...(operation.kind !== 'create' && { reference, sealed, ...(deletedToo && { deletedToo }) }),
      ...(!isRead && operation.kind !== 'create' && { lock: true }),
    };
    const named = { name: operation.name, nameIsExclusive: operation.isExclusive };
    const version = (number: number) => {
      const bytes = { sealed: Buffer.from(`sealed ${index}`), keyId: Buffer.alloc(8), createdBy: author };
      return newVersion({ ...bytes, version: number });
    };
    const create = (): Decision<unknown> => {
      const credential = newCredential(workspaceId, { id, createdBy: author, ...named });
      return { insert: { credential, version: version(1) }, event, answer: ['created', index] };
    };
    const change = (found: FoundCredential, changes: object, isSealing = false): Decision<unknown> => {
      const { revision, currentVersion } = found.credential;
      const progress = { revision: revision + 1, currentVersion: currentVersion + (isSealing ? 1 : 0) };
      const credential = { ...found.credential, ...changes, ...progress };
      const added = isSealing ? { version: version(currentVersion + 1) } : {};
      return { update: { credential, ...added }, event, answer: ['changed', revision, found.current?.version] };
    };
    const decide = (found: FoundCredential | undefined): Decision<unknown> => {
      if (operation.kind === 'throw') throw new VaultError('etag_stale', 'stale');
      if (operation.kind === 'create') return create();
      if (!found && operation.kind === 'recreate') return create();
      if (!found) throw new VaultError('not_found', 'not found');
      if (operation.kind === 'refuse') return { event, refusal: new VaultError('credential_inactive', 'no') };
      if (operation.kind === 'rename') return change(found, named);
      if (operation.kind === 'delete') return change(found, { deletedAt: createdAt });
      if (operation.kind === 'seal') return change(found, {}, true);
      if (operation.kind === 'recreate') return change(found, { deletedAt: null, ...named });
      const { credential, current } = found;
      return { event, answer: ['read', credential.id, credential.revision, credential.name, String(current?.sealed)] };
    };
    return { target, decide };
  }

  /** All that the decisions left, the trail in its order. */
  async function leftBehind(): Promise<unknown> {
    return Promise.all([
      test.asSuperuser('select * from credential order by workspace_id, id'),
      test.asSuperuser('select * from credential_version order by workspace_id, credential_id, version'),
      test.asSuperuser('select resource_id, actor_name, outcome from audit_event order by stream, seq'),
    ]);
  }

  it('leave and answer the same as single decisions', async function () {
    this.timeout(120_000);
    await check(
      asyncProperty(operations, async (plan) => {
        await empty();
        const once = test.stores;
        const expected: unknown[] = [];
        for (const [index, operation] of plan.entries()) expected.push(await perform(once, operation, index));
        const left = await leftBehind();
        await empty();
        const answers = await Promise.all(plan.map((operation, index) => perform(test.stores, operation, index)));
        expect(answers).to.deep.equal(expected);
        expect(await leftBehind()).to.deep.equal(left);
      }),
      { numRuns: 60 },
    );
  });

  it('take one transaction for all that arrives while another one is under way', async () => {
    const creations = Array.from({ length: 30 }, () => addCredential(test, newCredential(workspaces[0])));
    await Promise.all(creations);
    expect(await eventCount()).to.equal(30);
    expect(await transactions()).to.equal(2);
  });

  it('number the events of a process without gaps, each naming the one before', async () => {
    await Promise.all(Array.from({ length: 10 }, () => addCredential(test, newCredential(workspaces[1]))));
    const rows = await test.asSuperuser<{ prev: Buffer; mac: Buffer }>(
      'select prev, mac from audit_event order by seq',
    );
    expect(rows).to.have.length(10);
    expect(rows.slice(1).map(({ prev }) => prev)).to.deep.equal(rows.slice(0, -1).map(({ mac }) => mac));
  });

  it('drop a caller who canceled while waiting, and no others', async () => {
    const abort = new AbortController();
    const first = addCredential(test, newCredential(workspaces[0]));
    const target = { workspaceId: workspaces[0], signal: abort.signal };
    const given = test.stores.credentials.decide(target, () => creationOf(newCredential(workspaces[0])));
    const last = addCredential(test, newCredential(workspaces[0]));
    abort.abort();
    expect(await rejectionOf(given)).to.have.property('code', 'canceled');
    await Promise.all([first, last]);
    expect(await eventCount()).to.equal(2);
  });

  it('answer everybody truthfully when the connection is lost in the middle of a group', async () => {
    const held = await addCredential(test, newCredential(workspaces[0]));
    const holder = new Client(test.target.connection);
    await holder.connect();
    await holder.query(`begin; update credential set name = 'held' where id = '${held.id}'`);
    const target = { workspaceId: workspaces[0], reference: { id: held.id }, lock: true, signal: patience };
    const first = addCredential(test, newCredential(workspaces[1]));
    const group = [
      rejectionOf(addCredential(test, newCredential(workspaces[1]))),
      rejectionOf(test.stores.credentials.decide(target, raiseRevision)),
      rejectionOf(addCredential(test, newCredential(workspaces[0]))),
    ];
    await first;
    const waiting = `datname = current_database() and wait_event_type = 'Lock'`;
    await until(async () => (await test.asSuperuser(`select 1 from pg_stat_activity where ${waiting}`)).length > 0);
    await test.asSuperuser(`select pg_terminate_backend(pid) from pg_stat_activity where ${waiting}`);
    for (const refusal of await Promise.all(group)) expect(refusal).to.have.property('code', 'unavailable');
    await holder.query('rollback');
    await holder.end();
    expect(await eventCount()).to.equal(2);
    await addCredential(test, newCredential(workspaces[0]));
    const [numbers] = await test.asSuperuser('select max(seq)::int - min(seq)::int + 1 as span from audit_event');
    expect(numbers).to.deep.equal({ span: 3 });
  });

  it('begin another stream where somebody else has written to theirs', async () => {
    await addCredential(test, newCredential(workspaces[0]));
    await test.asSuperuser(`
      insert into audit_event select (jsonb_populate_record(e, jsonb_build_object('seq', seq + 1))).* from audit_event e`);
    await addCredential(test, newCredential(workspaces[0]));
    expect(await test.asSuperuser('select distinct stream from audit_event')).to.have.length(2);
  });
});

function raiseRevision(found: FoundCredential | undefined): Decision<null> {
  if (!found) throw new Error('it is gone');
  return { update: { credential: { ...found.credential, revision: 2 } }, event: newEvent(), answer: null };
}
