import { expect } from 'chai';
import { once } from 'node:events';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { fillerOf } from '../bench/fill-database.ts';
import { randomRequest } from '../fuzz/random-requests.ts';
import { createWorld } from '../fuzz/world.ts';
import { allEndpoints } from '../hostile/endpoints.ts';
import { HostileSender } from '../hostile/senders.ts';
import { until } from '../store/fixtures.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { connectionUrl } from '../support/postgres.ts';
import { startPostgresServer, type PostgresServer } from '../support/postgres-server.ts';

const credentials = 100_000;
const events = 100_000;
const requests = 800;
const connections = 4;
/** The most rows that a part of a plan may read: lists without pages read 1,000 at a time, and one more. */
const rowsMax = 2_000;

/** What reads many rows because that is what it is for. */
const exceptions: readonly RegExp[] = [
  // Verification and export.
  /declare records/,
  /select distinct workspace_id from audit_event/,
  // Totals of lists, and pages that begin after a number of credentials.
  /select count\(\*\) as count from \(select from credential c\s+where c\.workspace_id = \$1/,
  /from credential c\s+where c\.workspace_id = \$1.* offset \$/s,
  // A page of a search, which looks at no more than 20,000 rows.
  /row_number\(\) over \(\) as number.* limit \$/s,
  // Filters of the events of the instance.
  /from "audit_event" as "e" where .*e"?\."?(actor_id|action)"? = /s,
];
/** What timers run. Their statements are in the log once they have run, whatever was asked for meanwhile. */
const ofTimers: Readonly<Record<string, RegExp>> = {
  'the usage of credentials': /update credential c? ?.*set.*last_used_at/s,
  'the usage of API keys': /update api_key .*last_used_at/s,
  'the workspaces to purge': /from workspace .*purged_at is null|workspace.*deleted_at/s,
  'the probe of the database': /pg_is_in_recovery\(\)/,
};

/** A statement as the server ran it. */
interface Run {
  readonly statement: string;
  readonly plan: string;
}

describe('a database of a hundred thousand credentials and as many events', function () {
  this.timeout(180_000);
  let server: PostgresServer;
  let coffer: TestCoffer;
  let runs: readonly Run[];

  before(async () => {
    server = await startPostgresServer({
      settings: [
        'logging_collector = on',
        `log_directory = '..'`,
        `log_filename = 'plans.log'`,
        `session_preload_libraries = 'auto_explain'`,
        'auto_explain.log_min_duration = 0',
        'auto_explain.log_analyze = on',
        'auto_explain.log_timing = off',
        'auto_explain.log_nested_statements = on',
      ],
    });
    const { connection } = server;
    coffer = await startCoffer({ database: { connection, url: connectionUrl(connection) } });
    await createWorld(coffer.origin, coffer.adminToken, 0);
    await fillerOf(connection, { credentials, workspaces: 10 })(1);
    await addEvents(connection);
    const log = join(server.folder, 'plans.log');
    const { size } = await stat(log);
    await sendRequests(coffer);
    await until(async () => {
      runs = await runsOf(log, size);
      return Object.values(ofTimers).every((pattern) => runs.some(({ statement }) => pattern.test(statement)));
    });
  });

  after(async () => {
    await coffer.stop();
    await server.stop();
  });

  it('is read by the keys of the rows that are wanted, whatever is asked for and whatever a timer runs', () => {
    const judged = runs.filter(({ statement }) => !exceptions.some((pattern) => pattern.test(statement)));
    expect(judged.length).to.be.greaterThan(requests);
    const wide = judged.filter(({ plan }) => rowsReadBy(plan) > rowsMax);
    expect(wide.map(({ statement, plan }) => `${statement}\n${plan}`)).to.deep.equal([]);
  });
});

async function sendRequests({ adminToken, origin }: TestCoffer): Promise<void> {
  const endpoints = await allEndpoints();
  const world = await createWorld(origin, adminToken, 1);
  let next = 0;
  const run = async (): Promise<void> => {
    const sender = new HostileSender(origin);
    while (next < requests) await sender.send(randomRequest(endpoints, world, 1, (next += 1)).request);
    sender.close();
  };
  await Promise.all(Array.from({ length: connections }, run));
}

/** Copies of the first event in a stream that no ledger names; nobody asks whether they are genuine. */
async function addEvents(connection: PostgresServer['connection']): Promise<void> {
  const session = new Client(connection);
  await session.connect();
  try {
    const { rows } = await session.query<{ name: string }>(
      `select column_name as name from information_schema.columns where table_name = 'audit_event' and is_generated = 'NEVER'`,
    );
    const changed: Readonly<Record<string, string>> = { stream: 'place.stream', seq: 'place.seq', id: 'place.id' };
    const names = rows.map(({ name }) => name);
    await session.query(`
      insert into audit_event (${names.join(', ')})
        select ${names.map((name) => changed[name] ?? `model.${name}`).join(', ')}
        from (select * from audit_event limit 1) as model,
          (select gen_random_uuid() as stream) as one
          cross join lateral (
            select one.stream, seq, gen_random_uuid() as id from generate_series(1, ${events}) as seq
          ) as place`);
    await session.query('analyze audit_event');
  } finally {
    await session.end();
  }
}

/** What the server logged since its log had a size. */
async function runsOf(log: string, since: number): Promise<readonly Run[]> {
  const file = await open(log);
  try {
    const stream = file.createReadStream({ start: since, encoding: 'utf8', autoClose: false });
    const chunks: string[] = [];
    stream.on('data', (chunk) => chunks.push(String(chunk)));
    await once(stream, 'end');
    const entries = chunks.join('').split(/^.* LOG: {2}duration: .* plan:\n/m);
    return entries.slice(1).map(runOf);
  } finally {
    await file.close();
  }
}

/** The lines after the first of an entry begin with a tab. */
function runOf(entry: string): Run {
  const lines = entry.split('\n').flatMap((line) => (line.startsWith('\t') ? [line.slice(1)] : []));
  const first = lines.findIndex((line) => /\(cost=/.test(line));
  return { statement: lines.slice(0, first).join('\n'), plan: lines.slice(first).join('\n') };
}

/** The most rows that one part of a plan gave or removed, all its repetitions taken together. */
function rowsReadBy(plan: string): number {
  const parts = plan.split(/(?=->)/).map((part) => {
    const [, rows = '0', loops = '1'] = /actual rows=([\d.]+) loops=(\d+)/.exec(part) ?? [];
    const removed = Array.from(part.matchAll(/Rows Removed by [^:]*: (\d+)/g), ([, count]) => Number(count));
    return Number(loops) * (Number(rows) + removed.reduce((total, count) => total + count, 0));
  });
  return Math.max(...parts);
}
