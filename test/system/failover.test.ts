import { expect } from 'chai';
import { join } from 'node:path';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { requireProgram } from '../support/optional-program.ts';
import { startPostgresServer, type PostgresServer } from '../support/postgres-server.ts';

const binaries = { folder: '/usr/lib/postgresql/15/bin' };
const credentials = '/v1/workspaces/default/credentials';

describe('a Coffer over a primary and its streaming standby', function () {
  this.timeout(120_000);
  let primary: PostgresServer;
  let standby: PostgresServer;
  let coffer: TestCoffer;

  before(function () {
    requireProgram(this, join(binaries.folder, 'pg_basebackup'));
  });

  beforeEach(async () => {
    primary = await startPostgresServer({ binaries });
    standby = await startPostgresServer({ binaries, primary });
    // The standby comes first, so that each session has to pass it over.
    const url = `postgres://coffer@127.0.0.1:${standby.port},127.0.0.1:${primary.port}/postgres`;
    coffer = await startCoffer({
      database: { connection: primary.connection, url: `${url}?target_session_attrs=read-write` },
    });
    await create('before').then(expectDone);
    await caughtUp();
  });

  afterEach(async () => {
    await coffer.stop();
    await Promise.all([primary.stop(), standby.stop()]);
  });

  it('serves from the standby once that is promoted after the primary was lost', async () => {
    await primary.kill();
    expect((await create('meanwhile')).status).to.equal(503);
    await standby.promote();
    await expectMoved();
  });

  it('moves to the standby once that is promoted, though the former primary keeps its sessions and refuses writes', async () => {
    await primary.query('alter system set default_transaction_read_only = on');
    await primary.reload();
    expect((await create('meanwhile')).status).to.equal(503);
    await standby.promote();
    await expectMoved();
    // That of the notices is given up once calls ask for one, and none comes back.
    while ((await sessionsOf(primary)) > 0) await create('later');
  });

  const create = (name: string): Promise<Response> =>
    post(credentials, { credential: { name, provider: 'p' }, secret: { key: 'x' } });

  function post(path: string, body: object): Promise<Response> {
    return fetch(coffer.origin + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${coffer.adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  /** Serves and is ready, on the promoted server, with all that was there before. */
  async function expectMoved(): Promise<void> {
    while ((await create('after')).status !== 200);
    while ((await fetch(`${coffer.origin}/readyz`)).status !== 200);
    const rows = await standby.query(
      `select name from credential where name in ('before', 'after') group by 1 order by 1`,
    );
    expect(rows).to.deep.equal([{ name: 'after' }, { name: 'before' }]);
    expect(await verified()).to.have.property('intact', true);
  }

  /** While sessions of the former primary are being replaced, a call may still be UNAVAILABLE. */
  async function verified(): Promise<unknown> {
    for (;;) {
      const response = await post('/v1/auditTrail:verify', {});
      const body: unknown = await response.json();
      if (response.status !== 503) return body;
    }
  }

  /** Waits until the standby has all that the primary has written. */
  async function caughtUp(): Promise<void> {
    const written = (await primary.query('select pg_current_wal_lsn()::text as lsn'))[0]?.['lsn'];
    const isThere = `select pg_last_wal_replay_lsn() >= '${String(written)}'::pg_lsn as "isThere"`;
    while ((await standby.query(isThere))[0]?.['isThere'] !== true);
  }
});

async function sessionsOf({ query }: PostgresServer): Promise<number> {
  const [row] = await query(`select count(*)::int as count from pg_stat_activity where application_name = 'coffer'`);
  return Number(row?.['count']);
}

async function expectDone(response: Response): Promise<void> {
  expect(response.status, await response.text()).to.equal(200);
}
