import { expect } from 'chai';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { parseMetrics, sumOf } from '../support/metrics.ts';
import { sharedPostgres, type TestDatabase } from '../support/postgres.ts';

/** What keeps a database from serving, as statements of its superuser in another database. */
interface Outage {
  readonly title: string;
  readonly begin: (database: string) => readonly string[];
  readonly end: (database: string) => readonly string[];
  /** Where the statements are run. */
  readonly within?: boolean;
  readonly words: string;
  readonly label: string;
}

const endSessions = (database: string) => `
  select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}' and pid <> pg_backend_pid()`;

const outages: readonly Outage[] = [
  {
    title: 'read-only',
    begin: (database) => [`alter database ${database} set default_transaction_read_only = on`, endSessions(database)],
    end: (database) => [`alter database ${database} reset default_transaction_read_only`, endSessions(database)],
    words: 'read-only',
    label: 'read_only',
  },
  {
    title: 'without any connection that is free',
    begin: (database) => [`alter database ${database} connection limit 0`, endSessions(database)],
    end: (database) => [`alter database ${database} connection limit -1`],
    words: 'too many connections',
    label: 'too_many_connections',
  },
  {
    title: 'on a full disk',
    within: true,
    begin: () => [
      `create function fail() returns trigger language plpgsql as
       $$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$`,
      'create trigger full_disk before insert on audit_event for each row execute function fail()',
    ],
    end: () => ['drop trigger full_disk on audit_event'],
    words: 'disk full',
    label: 'disk_full',
  },
  {
    title: 'that lets nobody write',
    within: true,
    begin: () => ['revoke insert on audit_event from coffer_app'],
    end: () => ['grant insert on audit_event to coffer_app'],
    words: 'permission denied',
    label: 'not_permitted',
  },
];

describe('readiness', function () {
  this.timeout(60_000);

  describe('on a database', () => {
    const coffers = new Map<Outage, TestCoffer>();

    before(async () => {
      for (const outage of outages) coffers.set(outage, await startOn());
    });

    after(async () => {
      for (const coffer of coffers.values()) await coffer.stop();
    });

    // Together, since an idle server looks for some of it a few seconds apart.
    it('is denied with the reason while secrets cannot be revealed, and given again after', async () => {
      await Promise.all(
        Array.from(coffers, async ([outage, coffer]) => {
          const { connection } = coffer.database;
          expect(await readiness(coffer), outage.title).to.deep.equal({ status: 200, reason: undefined });
          await runAll(connection, outage, outage.begin(connection.database));
          await until(coffer, 503, outage.words);
          expect(await health(coffer), outage.title).to.equal('NOT_SERVING');
          const metrics = parseMetrics(await (await fetch(`${coffer.origin}/metrics`)).text());
          const failures = sumOf(metrics, 'coffer_database_failures_total', { reason: outage.label });
          expect(failures, outage.title).to.be.greaterThan(0);
          await runAll(connection, outage, outage.end(connection.database));
          await until(coffer, 200);
          expect(await health(coffer), outage.title).to.equal('SERVING');
        }),
      );
    });
  });

  it('is denied before the port is closed, for as long as COFFER_DRAIN_MS, while calls are served', async () => {
    const coffer = await startCoffer({ environment: { COFFER_DRAIN_MS: '1500' } });
    const stopping = coffer.stop();
    expect(await readiness(coffer)).to.deep.equal({ status: 503, reason: 'the server is stopping' });
    expect(await health(coffer)).to.equal('NOT_SERVING');
    expect(await coffer.native('GET', '/v1/whoami')).to.have.property('kind');
    await stopping;
    const refusal = await fetch(`${coffer.origin}/readyz`).catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(TypeError);
  });
});

/** Not as a superuser, who is let in beyond any limit. */
async function startOn(): Promise<TestCoffer> {
  const { connection } = await (await sharedPostgres()).createDatabase();
  const user = `${connection.database}_owner`;
  await run(connection, [
    `create role ${user} login createrole`,
    `alter database ${connection.database} owner to ${user}`,
    `do $$ begin if exists (select from pg_roles where rolname = 'coffer_app') then grant coffer_app to ${user}; end if; end $$`,
  ]);
  const { host, port } = connection;
  const url = `postgresql://${user}@${encodeURIComponent(host)}:${port}/${connection.database}`;
  return startCoffer({ database: { connection, url } });
}

async function runAll(connection: TestDatabase['connection'], { within }: Outage, texts: readonly string[]) {
  await run(within ? connection : (await sharedPostgres()).connection, texts);
}

async function run(connection: TestDatabase['connection'], texts: readonly string[]): Promise<void> {
  const client = new Client(connection);
  await client.connect();
  try {
    for (const text of texts) await client.query(text);
  } finally {
    await client.end();
  }
}

async function readiness({ origin }: TestCoffer): Promise<{ readonly status: number; readonly reason: unknown }> {
  const response = await fetch(`${origin}/readyz`);
  const body: unknown = await response.json();
  const reason: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'reason') : undefined;
  return { status: response.status, reason };
}

/** The first look may see that a session was ended, and only the next one why none can be opened. */
async function until(coffer: TestCoffer, status: number, words = ''): Promise<void> {
  for (;;) {
    const found = await readiness(coffer);
    if (found.status === status && String(found.reason).includes(words)) return;
    await delay(20);
  }
}

async function health({ origin }: TestCoffer): Promise<unknown> {
  const response = await fetch(`${origin}/grpc.health.v1.Health/Check`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  const body: unknown = await response.json();
  return typeof body === 'object' && body !== null ? Reflect.get(body, 'status') : undefined;
}
