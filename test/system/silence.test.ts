import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { Client } from 'pg';
import { callLimits } from '../../src/store/postgres/connect/time-limits.ts';
import { runCoffer, startCofferProcess, type CommandEnd } from '../support/coffer-process.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { sharedPostgres, type TestDatabase } from '../support/postgres.ts';
import { SilentProxy } from '../support/silent-proxy.ts';

const credentials = '/v1/workspaces/default/credentials';

/** What a caller sees of a create. */
interface Created {
  readonly status: number;
  readonly name: string;
}

/** How the way to the database falls silent, and what becomes of the create that is under way. */
interface Silence {
  readonly title: string;
  readonly fall: (proxy: SilentProxy, target: TestDatabase) => void | Promise<void>;
  /** What may be answered to it: a create that found only fresh connections is served. */
  readonly statuses: readonly number[];
}

const silences: readonly Silence[] = [
  { title: 'between calls', fall: (proxy) => proxy.silence(), statuses: [200, 503] },
  { title: 'before a commit arrives', fall: (proxy) => proxy.silenceAt('commit\0', 'swallowed'), statuses: [503] },
  { title: 'before a commit is answered', fall: (proxy) => proxy.silenceAt('commit\0', 'passed on'), statuses: [200] },
  {
    title: 'before a commit arrives at a server whose sessions are frozen',
    fall: async (proxy, target) => {
      const processes = await sessionsOf(target);
      proxy.silenceAt('commit\0', 'swallowed', () => signal(processes, 'SIGSTOP'));
    },
    statuses: [503],
  },
];

/** A Coffer that went through a silence. */
interface Survivor extends AsyncDisposable {
  readonly target: TestDatabase;
  readonly coffer: TestCoffer;
  readonly during: Created;
  readonly next: Created;
}

describe('a Coffer whose connections to the database fall silent', function () {
  this.timeout(60_000);
  let survivors: readonly Survivor[];
  let stopped: Stopped;
  let refused: CommandEnd;

  before(async () => {
    // Each waits for as long as a call may.
    [survivors, stopped, refused] = await Promise.all([
      Promise.all(silences.map(survive)),
      stopSilent(),
      startSilent(),
    ]);
  });

  after(async () => {
    for (const survivor of survivors) await survivor[Symbol.asyncDispose]();
  });

  for (const [index, { title, statuses }] of silences.entries()) {
    const survivor = () => survivors[index] ?? expect.fail();

    it(`${title}: answers ${statuses.join(' or ')} to the call that is under way, which is what became of it`, async () => {
      const { during, target } = survivor();
      expect(statuses).to.include(during.status);
      expect((await names(target)).includes('during')).to.equal(during.status === 200);
    });

    it(`${title}: serves the next call, and is ready`, async () => {
      const { coffer, next, target } = survivor();
      expect(next.status).to.equal(200);
      expect(await names(target)).to.include('next');
      expect((await fetch(`${coffer.origin}/readyz`)).status).to.equal(200);
    });

    it(`${title}: has a trail that verifies`, async () => {
      expect(await survivor().coffer.native('POST', '/v1/auditTrail:verify', {})).to.have.property('intact', true);
    });
  }

  it('ends when it is asked to, within its time, while a call waits for a database that is gone for good', () => {
    expect(stopped.exitCode).to.equal(0);
    expect(stopped.log).to.include('"msg":"stopped"');
    // It did not wait until the call was given up.
    expect(stopped.tookMs).to.be.lessThan(callLimits.statementMs);
  });

  it('is not started, in one sentence', () => {
    expect(refused.exitCode).to.equal(1);
    expect(refused.output).to.match(/^coffer: the database at 127\.0\.0\.1:\d+ is not available \(.*\)$/m);
  });
});

/** On a database that takes connections and never says a word. */
async function startSilent(): Promise<CommandEnd> {
  await using proxy = new SilentProxy((await sharedPostgres()).connection);
  const { url } = await proxy.listen();
  proxy.die();
  return runCoffer([], {
    COFFER_DATABASE_URL: url,
    COFFER_DATABASE_WAIT_MS: '0',
    COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
    COFFER_PORT: '0',
  });
}

async function survive({ fall }: Silence): Promise<Survivor> {
  const target = await (await sharedPostgres()).createDatabase();
  const proxy = new SilentProxy(target.connection);
  const coffer = await startCoffer({ database: await proxy.listen() });
  await Promise.all(Array.from({ length: 8 }, (_, index) => create(coffer, `before ${index}`)));
  await fall(proxy, target);
  const sessions = await sessionsOf(target);
  const during = await create(coffer, 'during');
  const next = await create(coffer, 'next');
  signal(sessions, 'SIGCONT');
  return {
    target,
    coffer,
    during,
    next,
    async [Symbol.asyncDispose]() {
      await coffer.stop();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

/** How a process ended. */
interface Stopped {
  readonly exitCode: number | null;
  readonly log: string;
  readonly tookMs: number;
}

async function stopSilent(): Promise<Stopped> {
  await using proxy = new SilentProxy((await (await sharedPostgres()).createDatabase()).connection);
  const { url } = await proxy.listen();
  const coffer = await startCofferProcess(tmpdir(), {
    COFFER_DATABASE_URL: url,
    COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
    COFFER_ADMIN_API_KEY: `cof_${randomBytes(32).toString('base64url')}`,
    COFFER_SHUTDOWN_TIMEOUT_MS: '2000',
  });
  expect(await create(coffer, 'before')).to.have.property('status', 200);
  proxy.die();
  const waiting = create(coffer, 'during').catch(() => undefined);
  // Its answer shows that the call, sent before, is in flight.
  await fetch(`${coffer.origin}/healthz`);
  const askedAtMs = performance.now();
  const exitCode = await coffer.stop();
  const tookMs = performance.now() - askedAtMs;
  await waiting;
  return { exitCode, log: coffer.output(), tookMs };
}

async function create(coffer: Pick<TestCoffer, 'adminToken' | 'origin'>, name: string): Promise<Created> {
  const { status } = await fetch(coffer.origin + credentials, {
    method: 'POST',
    headers: { authorization: `Bearer ${coffer.adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ credential: { name, provider: 'openai', auth_type: 'api_key' }, secret: { api_key: 'k' } }),
  });
  return { status, name };
}

/** The processes that serve the database. */
async function sessionsOf({ connection }: TestDatabase): Promise<readonly number[]> {
  const client = new Client(connection);
  await client.connect();
  const text = 'select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()';
  const { rows } = await client.query<{ pid: number }>(text);
  await client.end();
  return rows.map(({ pid }) => pid);
}

function signal(processes: readonly number[], name: NodeJS.Signals): void {
  for (const id of processes) {
    try {
      process.kill(id, name);
    } catch {
      // It has ended.
    }
  }
}

async function names({ connection }: TestDatabase): Promise<readonly string[]> {
  const client = new Client(connection);
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>('select name from credential');
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}
