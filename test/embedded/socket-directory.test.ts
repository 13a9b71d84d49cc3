import { expect } from 'chai';
import { chmod, mkdir, realpath, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { ensureSocketDirectory } from '../../src/embedded/socket-directory.ts';
import { inFolder, isRoot, ordinaryAccount, query, quiet, refusal } from './support.ts';

/** A data directory whose own socket would have a path of more than 107 bytes. */
async function longDataDir(folder: string): Promise<string> {
  const dataDir = join(folder, 'x'.repeat(60), 'y'.repeat(60));
  await mkdir(dataDir, { recursive: true });
  return realpath(dataDir);
}

describe('the folder of the socket', () => {
  it('lies in the data directory when the path is short enough', () =>
    inFolder(async (folder) => {
      const socketDirectory = await ensureSocketDirectory({ dataDir: folder, account: undefined, byPath: true });
      expect(socketDirectory).to.equal(join(folder, 'socket'));
      expect((await stat(socketDirectory)).mode & 0o777).to.equal(0o700);
    }));

  it('is a short one below the temporary directory when the path is too long, and PostgreSQL serves there', () =>
    inFolder(async (folder) => {
      const dataDir = await longDataDir(folder);
      const postgres = await startEmbeddedPostgres({ dataDir, log: quiet });
      const { host } = postgres.connection;
      try {
        expect(dirname(host)).to.equal(tmpdir());
        expect((await stat(host)).mode & 0o777).to.equal(0o700);
        expect(await query(postgres.connection, 'select 1 as one')).to.deep.equal([{ one: 1 }]);
      } finally {
        await postgres.stop();
        await rm(host, { recursive: true, force: true });
      }
    }));

  it('is the same each time, so that a postmaster left behind is found', () =>
    inFolder(async (folder) => {
      const dataDir = await longDataDir(folder);
      const [one, two] = [
        await ensureSocketDirectory({ dataDir, account: undefined, byPath: true }),
        await ensureSocketDirectory({ dataDir, account: undefined, byPath: true }),
      ];
      await rm(one, { recursive: true });
      expect(two).to.equal(one);
    }));

  it('is refused when others may enter it', () =>
    inFolder(async (folder) => {
      await mkdir(join(folder, 'socket'));
      await chmod(join(folder, 'socket'), 0o710);
      const error = await refusal(ensureSocketDirectory({ dataDir: folder, account: undefined, byPath: true }));
      expect(error).to.include({ code: 'unsafe_directory' });
      expect(error.message).to.include(join(folder, 'socket'));
    }));

  it('is refused when it is a link', () =>
    inFolder(async (folder) => {
      await mkdir(join(folder, 'elsewhere'), { mode: 0o700 });
      await symlink(join(folder, 'elsewhere'), join(folder, 'socket'));
      expect(await refusal(ensureSocketDirectory({ dataDir: folder, account: undefined, byPath: true }))).to.include({
        code: 'unsafe_directory',
      });
    }));

  it('is refused when somebody else made it', async function () {
    if (!isRoot) this.skip();
    const account = await ordinaryAccount();
    await inFolder(async (folder) => {
      const dataDir = await longDataDir(folder);
      const socketDirectory = await ensureSocketDirectory({ dataDir, account, byPath: true });
      try {
        // The account owns it now; for us alone, without that account, it is a stranger's.
        expect(await refusal(ensureSocketDirectory({ dataDir, account: undefined, byPath: true }))).to.include({
          code: 'unsafe_directory',
        });
        expect(await ensureSocketDirectory({ dataDir, account, byPath: true })).to.equal(socketDirectory);
      } finally {
        await rm(socketDirectory, { recursive: true });
      }
    });
  });
});
