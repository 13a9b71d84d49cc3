import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { nativeClient, type NativeClient } from '../dialects/coffer/native-client.ts';
import { callersOfEach, newTold, protocols, startLoad } from '../load/outage-load.ts';
import { startCofferProcess, type CofferProcess } from '../support/coffer-process.ts';
import { metricsThat, sumOf } from '../support/metrics.ts';
import { connectionUrl } from '../support/postgres.ts';

/** Service is to be back within 2 s of the database; a machine that does much else gets more. */
const backWithinMs = 10_000;

describe('a Coffer whose database is restarted in the middle of load', function () {
  this.timeout(120_000);
  const told = new Map(protocols.map(({ name }) => [name, newTold()]));
  let folder: string;
  let postgres: EmbeddedPostgres;
  let coffer: CofferProcess;
  let native: NativeClient;
  let othersBefore: number;
  let backAfterMs: number;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-restart-'));
    postgres = await startPostgres(folder);
    coffer = await startCofferProcess(folder, environmentFor(postgres));
    native = nativeClient(coffer.origin, coffer.adminToken);
    const { body } = await native({ path: '/v1/whoami' });
    othersBefore = await sessionsBesideThePool(coffer, postgres);
    const load = startLoad({ coffer, workspace: String(body['default_workspace_short_id']), told });
    await load.until(({ acknowledged }) => acknowledged.size >= callersOfEach);
    await postgres.stop();
    await load.until(({ unknown }) => unknown.size >= callersOfEach);
    postgres = await startPostgres(folder);
    const startedAtMs = performance.now();
    await load.until(({ succeededAtMs }) => succeededAtMs > startedAtMs);
    backAfterMs = performance.now() - startedAtMs;
    await load.stop();
  });

  after(async () => {
    await coffer.stop();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });

  for (const { name } of protocols) {
    it(`answers ${name} in its own words that it is unavailable, and nothing else than that or what was asked`, () => {
      expect(told.get(name)?.faults).to.deep.equal([]);
      expect(told.get(name)?.unknown).not.to.have.property('size', 0);
    });
  }

  it('serves all of them again soon after the database does', () => {
    expect(backAfterMs).to.be.lessThan(backWithinMs);
  });

  it('holds no connection for ever', async () => {
    // As many calls at once as there may be connections, so that a slot that is gone would be missed.
    await Promise.all(
      Array.from({ length: 32 }, () => native({ path: '/v1/workspaces/default/credentials?page_size=1' })),
    );
    // The one that listens for notices comes back by and by; the test's time is the limit.
    let others = await sessionsBesideThePool(coffer, postgres);
    while (others < othersBefore) others = await sessionsBesideThePool(coffer, postgres);
    // The one that cancels statements is opened when it is first needed.
    expect(others).to.be.within(othersBefore, othersBefore + 1);
  });

  it('has lost nothing that was acknowledged, and has nothing that was not requested', async () => {
    const found = await namesById(native);
    const acknowledged = Array.from(told.values(), (one) => Array.from(one.acknowledged)).flat();
    const unknown = new Set(Array.from(told.values(), (one) => Array.from(one.unknown)).flat());
    for (const [id, { name }] of acknowledged) expect(found.get(id)).to.equal(name);
    const known = new Set(acknowledged.map(([id]) => id));
    for (const [id, name] of found) expect(known.has(id) || unknown.has(name), name).to.equal(true);
    for (const [id, { secret }] of acknowledged) {
      const { body } = await native({ method: 'POST', path: `/v1/workspaces/default/credentials/${id}:reveal` });
      expect(body['secret']).to.deep.equal(secret);
    }
  });

  it('has a trail that records each credential once, and verifies', async () => {
    const { body } = await native({ method: 'POST', path: '/v1/auditTrail:verify', body: {} });
    expect(body['intact']).to.equal(true);
    const [counted] = await query(
      postgres,
      `select count(*)::int as count from audit_event where action = 'credentials.create'`,
    );
    expect(counted?.['count']).to.equal((await namesById(native)).size);
  });
});

async function startPostgres(folder: string): Promise<EmbeddedPostgres> {
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  return startEmbeddedPostgres({ dataDir: join(folder, 'database'), log: quiet });
}

function environmentFor({ connection }: EmbeddedPostgres) {
  return {
    COFFER_DATABASE_URL: connectionUrl(connection),
    COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
    COFFER_ADMIN_API_KEY: `cof_${randomBytes(32).toString('base64url')}`,
    COFFER_LOG_LEVEL: 'error',
  };
}

/** Once all of the pool's connections rest: how many sessions the server has that are not the pool's. */
async function sessionsBesideThePool({ origin }: CofferProcess, postgres: EmbeddedPostgres): Promise<number> {
  const read = async () => (await fetch(`${origin}/metrics`)).text();
  const total = 'coffer_database_connections';
  const samples = await metricsThat(read, (all) => {
    return sumOf(all, total) === sumOf(all, `${total}_idle`) && sumOf(all, 'coffer_database_calls_waiting') === 0;
  });
  const text = `select count(*)::int as count from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`;
  const [counted] = await query(postgres, text);
  return Number(counted?.['count']) - sumOf(samples, total);
}

async function query({ connection }: EmbeddedPostgres, text: string) {
  const session = new Client(connection);
  await session.connect();
  try {
    const { rows } = await session.query<Record<string, unknown>>(text);
    return rows;
  } finally {
    await session.end();
  }
}

async function namesById(native: NativeClient): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  let token = '';
  do {
    const { body } = await native({ path: `/v1/workspaces/default/credentials?page_size=1000&page_token=${token}` });
    for (const { short_id: id, name } of body.credentials) found.set(String(id), String(name));
    token = body.next_page_token ?? '';
  } while (token !== '');
  return found;
}
