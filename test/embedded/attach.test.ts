import { expect } from 'chai';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attachEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { inFolder, ordinaryAccount, isRoot, query, refusal, serve } from './support.ts';

describe('attaching to the embedded PostgreSQL of a data directory', () => {
  it('finds none where there is no such directory, and makes none', () =>
    inFolder(async (folder) => {
      expect(await attachEmbeddedPostgres(join(folder, 'data'))).to.equal(undefined);
      expect(await readdir(folder)).to.deep.equal([]);
    }));

  it('finds none where only a lock file of one that is gone is left', () =>
    inFolder(async (folder) => {
      const cluster = join(folder, 'data', 'postgres');
      await mkdir(cluster, { recursive: true });
      await writeFile(join(cluster, 'postmaster.pid'), `4194305\n${cluster}\n1\n5432\n${folder}\n`);
      expect(await attachEmbeddedPostgres(join(folder, 'data'))).to.equal(undefined);
    }));

  it('answers the connection of the one that is served, and does not get in its way', () =>
    inFolder(async (folder) => {
      const dataDir = join(folder, 'data');
      const server = serve(dataDir);
      const connection = await server.ready();
      expect(await attachEmbeddedPostgres(dataDir)).to.deep.equal(connection);
      await server.stop();
      expect(await attachEmbeddedPostgres(dataDir)).to.equal(undefined);
    }));

  it('answers the connection of the one that a killed process left behind', () =>
    inFolder(async (folder) => {
      const dataDir = join(folder, 'data');
      const server = serve(dataDir);
      await server.ready();
      await server.kill();
      const connection = await attachEmbeddedPostgres(dataDir);
      if (connection === undefined) throw new Error('it was not found');
      expect(await query(connection, 'select 1 as one')).to.deep.equal([{ one: 1 }]);
    }));

  it('is refused to those who may not enter the directory', async function () {
    if (!isRoot) this.skip();
    const account = await ordinaryAccount();
    await inFolder(async (folder) => {
      const dataDir = join(folder, 'data');
      const server = serve(dataDir);
      await server.ready();
      const { geteuid, seteuid } = process;
      if (account === undefined || geteuid === undefined || seteuid === undefined) throw new Error('not root');
      // The cluster is the database account's: anyone else than that one and root stays out.
      seteuid(account.uid + 4711);
      try {
        expect(await refusal(attachEmbeddedPostgres(dataDir))).to.include({ code: 'permission_denied' });
      } finally {
        seteuid(0);
      }
      await server.stop();
    });
  });
});
