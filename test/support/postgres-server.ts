import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type ClientConfig } from 'pg';
import type { PostgresConnection } from '../../src/embedded/postgres-connection.ts';
import { chooseAccount, findAccess } from '../../src/embedded/account.ts';
import { clusterUser, initdbOptions } from '../../src/embedded/cluster.ts';
import { ensureRunnable, locateBinaries, program } from '../../src/embedded/binaries.ts';
import { childEnvironment, runCommand } from '../../src/embedded/run-command.ts';

/** Programs of PostgreSQL, in one folder. */
export type Binaries = { readonly folder: string };

/** What a server is started with. */
export type ServerOptions = {
  /** Those of the embedded PostgreSQL by default. */
  readonly binaries?: Binaries;
  /** Lines of `postgresql.conf`. */
  readonly settings?: readonly string[];
  /** Lines of `pg_hba.conf`; all are let in by default. */
  readonly access?: readonly string[];
  /** Files beside the data, by their names, readable by the server alone. */
  readonly files?: Readonly<Record<string, string>>;
  /** Whose data are copied, to be a standby of it. */
  readonly primary?: PostgresServer;
};

/** A PostgreSQL of its own, which listens on a port of 127.0.0.1. */
export type PostgresServer = {
  readonly port: number;
  /** Of its data and its Unix socket. */
  readonly folder: string;
  /** As the superuser `coffer`, in the database `postgres`. */
  readonly connection: PostgresConnection;
  /** Runs a statement as the superuser, in a session of its own. */
  readonly query: (text: string) => Promise<Record<string, unknown>[]>;
  /** Makes a standby the primary, and waits until it takes writes. */
  readonly promote: () => Promise<void>;
  /** Takes in changed files and settings. */
  readonly reload: () => Promise<void>;
  /** Ends it at once, as a crash does. */
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

const optionsOfAnyVersion = [`--username=${clusterUser}`, '--encoding=UTF8', '--locale=C', '--auth-local=trust'];
const testOptions = ['--auth-host=trust', '--no-sync'];

/** Starts a server in a temporary folder. */
export async function startPostgresServer(options: ServerOptions = {}): Promise<PostgresServer> {
  const account = await chooseAccount(undefined);
  const folder = await mkdtemp(join(tmpdir(), 'coffer-server-'));
  await chmod(folder, 0o755);
  if (account) await chown(folder, account.uid, account.gid);
  const { folder: programs } = options.binaries ?? (await embeddedBinaries(folder));
  const data = join(folder, 'data');
  const run = async (name: string, args: readonly string[]): Promise<void> => {
    const { succeeded, output } = await runCommand(join(programs, name), args, { account, workingFolder: folder });
    if (!succeeded) throw new Error(`${name} failed: ${output}`);
  };
  const { primary } = options;
  await (primary
    ? run('pg_basebackup', ['--pgdata', data, '--write-recovery-conf', '--checkpoint=fast', '--dbname', urlOf(primary)])
    : run('initdb', ['--pgdata', data, ...(options.binaries ? optionsOfAnyVersion : initdbOptions), ...testOptions]));
  for (const [name, text] of Object.entries(options.files ?? {})) {
    await writeFile(join(data, name), text, { mode: 0o600 });
    if (account) await chown(join(data, name), account.uid, account.gid);
  }
  if (options.access) await writeFile(join(data, 'pg_hba.conf'), options.access.join('\n'));
  const port = await freePort();
  const settings = [
    `port = ${port}`,
    `listen_addresses = '127.0.0.1'`,
    `unix_socket_directories = '${folder}'`,
    'fsync = off',
  ];
  await appendFile(join(data, 'postgresql.conf'), `\n${[...settings, ...(options.settings ?? [])].join('\n')}\n`);
  const child = spawn(join(programs, 'postgres'), ['-D', data], {
    cwd: folder,
    env: childEnvironment,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(account && { uid: account.uid, gid: account.gid }),
  });
  const connection = { host: folder, port, user: clusterUser, database: 'postgres' };
  await answering(child, connection);
  const query = (text: string): Promise<Record<string, unknown>[]> => queryOnce(connection, text);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const closed = once(child, 'close');
      child.kill(signal);
      await closed;
    }
  };
  return {
    port,
    folder,
    connection,
    query,
    promote: () => query('select pg_promote()').then(() => undefined),
    reload: () => reload(query),
    // Its other processes end with it, and without a word to the clients.
    kill: () => end('SIGQUIT'),
    stop: async () => {
      await end('SIGINT');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The postmaster takes the settings in by and by, and hands them on to the sessions that begin after that. */
async function reload(query: PostgresServer['query']): Promise<void> {
  const loadedAt = async (): Promise<string> =>
    String((await query('select pg_conf_load_time()::text'))[0]?.['pg_conf_load_time']);
  const before = await loadedAt();
  await query('select pg_reload_conf()');
  while ((await loadedAt()) === before);
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server.address());
  server.close();
  await once(server, 'close');
  return port;
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('there is no port');
  return address.port;
}

async function embeddedBinaries(dataDir: string): Promise<Binaries> {
  const access = await findAccess(dataDir, await chooseAccount(undefined));
  const binaries = await ensureRunnable(await locateBinaries(), access);
  return { folder: join(program(binaries, 'postgres'), '..') };
}

function urlOf({ folder, port }: PostgresServer): string {
  return `host=${folder} port=${port} user=${clusterUser}`;
}

/** Waits until it takes sessions; how that is known is that it takes one. */
async function answering(child: ChildProcess, connection: ClientConfig): Promise<void> {
  let output = '';
  child.stderr?.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_096)));
  while (child.exitCode === null) {
    const answer = await queryOnce(connection, 'select 1').catch(() => undefined);
    if (answer) return;
  }
  throw new Error(`PostgreSQL ended: ${output}`);
}

async function queryOnce(connection: ClientConfig, text: string): Promise<Record<string, unknown>[]> {
  const session = new Client(connection);
  session.on('error', () => undefined);
  try {
    await session.connect();
    return (await session.query<Record<string, unknown>>(text)).rows;
  } finally {
    await session.end().catch(() => undefined);
  }
}
