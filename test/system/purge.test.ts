import { expect } from 'chai';
import { Client } from 'pg';
import type { QueryResultRow } from 'pg';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCofferProcess } from '../support/coffer-process.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import type { JsonObject } from '../../src/vault/json.ts';
import { textOf } from '../support/json.ts';
import { until } from '../store/fixtures.ts';

const dayMs = 86_400_000;
/** More than one batch of a worker. */
const purgedCount = 205;

/** Days until the expiry, by the clock of the database, with the event of the nearest notice that is due. */
const expiries = [
  { days: -1, event: 'credentials.expire' },
  { days: 0.5, event: 'credentials.expiring 1' },
  { days: 6, event: 'credentials.expiring 7' },
] as const;

describe('credentials whose time has come, at two processes', () => {
  const stack = new AsyncDisposableStack();
  let superuser: Client;
  let past: TestCoffer;
  let kept: string;
  const purged: string[] = [];
  const expiring: string[] = [];

  const ask = async <Row extends QueryResultRow>(text: string, values: unknown[] = []) =>
    (await superuser.query<Row>(text, values)).rows;
  const purges = () =>
    ask<{ id: string; actor: string; stream: string }>(
      `select resource_id as id, actor_kind as actor, stream from audit_event where action = 'credentials.purge'`,
    );

  const notices = () =>
    ask<{ id: string; event: string }>(
      `select resource_id as id, concat_ws(' ', action, days) as event from audit_event where action like 'credentials.expir%'`,
    );

  before(async () => {
    // By the clock of this Coffer nothing is due, while by that of the database all is that it deletes.
    past = await startCoffer({ now: () => new Date(Date.now() - 31 * dayMs) });
    stack.defer(() => past.stop());
    superuser = new Client(past.database.connection);
    await superuser.connect();
    stack.defer(() => superuser.end());
    const create = async (more: JsonObject = {}) => {
      const made = await past.native('POST', '/v1/workspaces/default/credentials', {
        credential: { name: 'a name', subject: 'a person', tags: ['t'], metadata: { m: 1 }, ...more },
        secret: { key: 'k' },
      });
      return textOf(made, 'credential', 'id');
    };
    const createAndDelete = async () => {
      const id = await create();
      await past.native('DELETE', `/v1/workspaces/default/credentials/${id}`);
      return id;
    };
    kept = await create();
    for (const { days } of expiries) {
      expiring.push(await create({ expires_at: new Date(Date.now() + days * dayMs).toISOString() }));
    }
    for (let count = 0; count < purgedCount; count += 41) {
      purged.push(...(await Promise.all(Array.from({ length: 41 }, createAndDelete))));
    }
  });

  after(() => stack.disposeAsync());

  it('are purged once, and not while the clock of a process has not passed their time', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'coffer-'));
    await using processes = new AsyncDisposableStack();
    processes.defer(() => rm(dataDir, { recursive: true }));
    expect(await purges()).to.deep.equal([]);

    const environment = { ...past.environment, COFFER_DATA_DIR: dataDir };
    const started = await Promise.all([1, 2].map(() => startCofferProcess(dataDir, environment)));
    for (const one of started) processes.defer(() => one.stop().then(() => undefined));
    await until(async () => (await purges()).length >= purgedCount);
    await until(async () => (await notices()).length >= expiries.length);

    const events = await purges();
    expect(events.map(({ id }) => id).toSorted()).to.deep.equal(purged.toSorted());
    expect(new Set(events.map(({ actor }) => actor))).to.deep.equal(new Set(['system']));
  });

  it('get the nearest notice of their expiry, once', async () => {
    const given = await notices();
    expect(given.map(({ id }) => id).toSorted()).to.deep.equal(expiring.toSorted());
    expect(given.map(({ event }) => event).toSorted()).to.deep.equal(expiries.map(({ event }) => event).toSorted());
  });

  it('leave no version and no content, and keep their identity', async () => {
    const versions = await ask<{ id: string }>('select credential_id as id from credential_version');
    expect(versions.map(({ id }) => id)).to.have.members([kept, ...expiring]);
    const [row] = await ask(
      `select name, subject, tags, metadata, origin, revision, current_version as version from credential where id = $1`,
      [purged[0]],
    );
    const cleared = { name: '', subject: null, tags: [], metadata: null };
    expect(row).to.deep.equal({ ...cleared, origin: 'coffer', revision: 3, version: 1 });
  });

  it('leave a trail that verifies', async () => {
    const result = await past.native('POST', '/v1/auditTrail:verify', {});
    expect(result).to.deep.include({ intact: true });
  });
});
