import { expect } from 'chai';
import { mkdir, readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Account } from '../../src/embedded/account.ts';
import { attachEmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import {
  eventually,
  inFolder,
  isRoot,
  ordinaryAccount,
  postmasterOf,
  query,
  quiet,
  refusal,
  serve,
  stopAnyPostmaster,
} from './support.ts';

type Place = { readonly dataDir: string; readonly account: Account | undefined };

const users: readonly { readonly who: string; readonly find: () => Promise<Account | undefined> }[] = [
  ...(isRoot ? [{ who: 'root', find: () => Promise.resolve(undefined) }] : []),
  { who: 'an ordinary user', find: ordinaryAccount },
];

type AtPlace = (action: (place: Place) => Promise<void>) => Promise<void>;

/** Gives each test a data directory of its own that its user may make. */
function placesOf(find: () => Promise<Account | undefined>): AtPlace {
  return async (action) => {
    const account = await find();
    await inFolder((folder) => action({ dataDir: join(folder, 'data'), account }), account);
  };
}

for (const { who, find } of users) {
  describe(`the embedded PostgreSQL, run by ${who}`, () => {
    const at = placesOf(find);

    it('keeps what was stored from one start to the next', () =>
      at(async ({ dataDir, account }) => {
        const first = serve(dataDir, account);
        await query(await first.ready(), 'create table kept as select 7 as number');
        await first.stop();
        const second = serve(dataDir, account);
        expect(await query(await second.ready(), 'table kept')).to.deep.equal([{ number: 7 }]);
        await second.stop();
      }));

    it('leaves no process and no lock file when it has stopped', () =>
      at(async ({ dataDir, account }) => {
        const server = serve(dataDir, account);
        const connection = await server.ready();
        await server.stop();
        expect(await readdir(join(dataDir, 'postgres'))).not.to.include('postmaster.pid');
        expect(await readdir(connection.host)).to.deep.equal([]);
      }));

    it('takes over the postmaster that a killed process left behind', () =>
      at(async ({ dataDir, account }) => {
        const first = serve(dataDir, account);
        await query(await first.ready(), 'create table kept as select 7 as number');
        const postmaster = await postmasterOf(dataDir);
        await first.kill();
        const second = serve(dataDir, account);
        expect(await query(await second.ready(), 'table kept')).to.deep.equal([{ number: 7 }]);
        expect(await postmasterOf(dataDir)).to.equal(postmaster);
        await second.stop();
        expect(await readdir(join(dataDir, 'postgres'))).not.to.include('postmaster.pid');
      }));

    it('recovers when the process and its postmaster were both killed', () =>
      at(async ({ dataDir, account }) => {
        const first = serve(dataDir, account);
        await query(await first.ready(), 'create table kept as select 7 as number');
        const postmaster = await postmasterOf(dataDir);
        await first.kill();
        process.kill(postmaster, 'SIGKILL');
        const second = serve(dataDir, account);
        expect(await query(await second.ready(), 'table kept')).to.deep.equal([{ number: 7 }]);
        await second.stop();
      }));

    it('refuses a second one on the same data directory and leaves the first one serving', () =>
      at(async ({ dataDir, account }) => {
        const first = serve(dataDir, account);
        const connection = await first.ready();
        const refused = await serve(dataDir, account).next();
        expect(refused).to.include({ event: 'refused', code: 'in_use' });
        expect(refused?.message).to.include('Another Coffer is using').and.to.include(dataDir);
        expect(await query(connection, 'select 1 as one')).to.deep.equal([{ one: 1 }]);
        await first.stop();
      }));

    it('lets exactly one of two that start at the same moment on an empty directory have it', () =>
      at(async ({ dataDir, account }) => {
        const both = [serve(dataDir, account), serve(dataDir, account)];
        const reports = await Promise.all(both.map(({ next }) => next()));
        expect(reports.map((report) => report?.event)).to.have.members(['ready', 'refused']);
        expect(reports.map((report) => report?.code)).to.include('in_use');
        const winner = reports.find((report) => report?.event === 'ready');
        if (winner?.connection === undefined) throw new Error('nobody is ready');
        expect(await query(winner.connection, 'select 1 as one')).to.deep.equal([{ one: 1 }]);
        await Promise.all(both.map(({ stop }) => stop()));
        expect(await readdir(dataDir)).to.have.members(['postgres', 'postgres.log', 'socket']);
      }));

    it('starts a postmaster again that died, and is still the only one', () =>
      at(async ({ dataDir, account }) => {
        const server = serve(dataDir, account);
        const connection = await server.ready();
        await query(connection, 'create table kept as select 7 as number');
        const postmaster = await postmasterOf(dataDir);
        process.kill(postmaster, 'SIGKILL');
        expect(await eventually(() => query(connection, 'table kept'))).to.deep.equal([{ number: 7 }]);
        expect(await postmasterOf(dataDir)).not.to.equal(postmaster);
        expect(await serve(dataDir, account).next()).to.include({ event: 'refused', code: 'in_use' });
        await server.stop();
      }));

    it('keeps the directory when its own session is ended and the postmaster lives on', () =>
      at(async ({ dataDir, account }) => {
        const server = serve(dataDir, account);
        const connection = await server.ready();
        const postmaster = await postmasterOf(dataDir);
        await query(
          connection,
          "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'coffer embedded'",
        );
        expect(await server.next()).to.include({ event: 'warned' });
        expect(await serve(dataDir, account).next()).to.include({ event: 'refused', code: 'in_use' });
        expect(await postmasterOf(dataDir)).to.equal(postmaster);
        await server.stop();
      }));

    it('can be stopped while its postmaster is being started again', () =>
      at(async ({ dataDir, account }) => {
        const server = serve(dataDir, account);
        await server.ready();
        process.kill(await postmasterOf(dataDir), 'SIGKILL');
        expect(await server.next()).to.include({ event: 'warned' });
        await server.stop();
        const next = serve(dataDir, account);
        await next.ready();
        await next.stop();
      }));

    it('goes on serving when Ctrl-C reaches everyone in the foreground', () =>
      at(async ({ dataDir, account }) => {
        const server = serve(dataDir, account);
        const connection = await server.ready();
        process.kill(-(server.child.pid ?? Number.NaN), 'SIGINT');
        expect(await server.next()).to.include({ event: 'interrupted' });
        expect(await query(connection, 'select 1 as one')).to.deep.equal([{ one: 1 }]);
        await server.stop();
      }));

    it('lets only its owner access the data or the socket', () =>
      at(async ({ dataDir, account }) => {
        const server = serve(dataDir, account);
        const { host } = await server.ready();
        const modes = await Promise.all(
          [dataDir, join(dataDir, 'postgres'), host, join(dataDir, 'postgres.log')].map(
            async (path) => (await stat(path)).mode & 0o777,
          ),
        );
        expect(modes).to.deep.equal([who === 'root' ? 0o711 : 0o700, 0o700, 0o700, 0o600]);
        await server.stop();
      }));
  });
}

describe('the embedded PostgreSQL below a home that its account can not enter', () => {
  it('serves, is taken over and started again, and leaves the home closed', async function () {
    if (!isRoot || process.platform !== 'linux') this.skip();
    await inFolder(async (folder) => {
      const home = join(folder, 'data');
      await mkdir(home, { mode: 0o700 });
      const dataDir = join(home, 'checkout', 'data');
      const cluster = join(dataDir, 'postgres');
      try {
        const first = serve(dataDir);
        await query(await first.ready(), 'create table kept as select 7 as number');
        await first.kill();
        const second = serve(dataDir);
        const connection = await second.ready();
        expect(await serve(dataDir).next()).to.include({ event: 'refused', code: 'in_use' });
        process.kill(await postmasterOf(dataDir), 'SIGKILL');
        expect(await eventually(() => query(connection, 'table kept'))).to.deep.equal([{ number: 7 }]);
        expect(await attachEmbeddedPostgres(dataDir)).to.deep.equal(connection);
        await second.stop();
        expect(await readdir(cluster)).not.to.include('postmaster.pid');
        expect((await stat(home)).mode & 0o777).to.equal(0o700);
        await rm(connection.host, { recursive: true });
      } finally {
        await stopAnyPostmaster(cluster);
      }
    });
  });
});

describe('the embedded PostgreSQL', () => {
  it('is durable, checks its pages, and cannot be reached over TCP', () =>
    inFolder(async (folder) => {
      const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), log: quiet });
      const settings = await query(
        postgres.connection,
        `select name, setting from pg_settings where name in
         ('fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums', 'listen_addresses', 'server_encoding')
         order by name`,
      );
      expect(settings).to.deep.equal([
        { name: 'data_checksums', setting: 'on' },
        { name: 'fsync', setting: 'on' },
        { name: 'full_page_writes', setting: 'on' },
        { name: 'listen_addresses', setting: '' },
        { name: 'server_encoding', setting: 'UTF8' },
        { name: 'synchronous_commit', setting: 'on' },
      ]);
      const [database] = await query(
        postgres.connection,
        'select datlocprovider, datlocale from pg_database where datname = current_database()',
      );
      expect(database).to.deep.equal({ datlocprovider: 'b', datlocale: 'C.UTF-8' });
      await postgres.stop();
    }));

  it('may be stopped more than once', () =>
    inFolder(async (folder) => {
      const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), log: quiet });
      await Promise.all([postgres.stop(), postgres.stop()]);
      await postgres.stop();
      expect(await attachEmbeddedPostgres(join(folder, 'data'))).to.equal(undefined);
    }));

  it('stops although sessions are open', () =>
    inFolder(async (folder) => {
      const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), log: quiet });
      const session = new Client(postgres.connection);
      session.on('error', () => undefined);
      await session.connect();
      const ended = new Promise((resolve) => session.once('end', resolve));
      await postgres.stop();
      await ended;
    }));

  it('writes no statement and no value to its log', () =>
    inFolder(async (folder) => {
      const dataDir = join(folder, 'data');
      const postgres = await startEmbeddedPostgres({ dataDir, log: quiet });
      await query(postgres.connection, 'create table tight (name text primary key, check (name <> $$secret-one$$))');
      for (const sql of [
        "insert into tight values ('secret-one')",
        "select 'secret-two'::uuid",
        "do $$ begin raise warning 'secret-three'; end $$",
      ]) {
        await query(postgres.connection, sql).catch(() => undefined);
      }
      await postgres.stop();
      const log = await readFile(join(dataDir, 'postgres.log'), 'utf8');
      expect(log).to.include('database system is ready to accept connections').and.not.to.include('secret-');
    }));

  it('notices when another one took the directory while its postmaster was away', () =>
    inFolder(async (folder) => {
      const dataDir = join(folder, 'data');
      const first = serve(dataDir);
      await first.ready();
      // Held still, the first one cannot start its postmaster again before the second one has.
      first.child.kill('SIGSTOP');
      process.kill(await postmasterOf(dataDir), 'SIGKILL');
      const second = serve(dataDir);
      await second.ready();
      first.child.kill('SIGCONT');
      expect(await first.next()).to.include({ event: 'warned' });
      expect(await first.next()).to.deep.equal({ event: 'lost', code: 'in_use' });
      await first.stop();
      expect(await refusal(startEmbeddedPostgres({ dataDir, log: quiet }))).to.include({ code: 'in_use' });
      await second.stop();
    }));
});
