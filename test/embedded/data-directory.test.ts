import { expect } from 'chai';
import { chmod, mkdir, readdir, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { prepareDataDirectory, removeLeftovers } from '../../src/embedded/data-directory.ts';
import { startEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { inFolder, isRoot, ordinaryAccount, quiet, refusal, serve } from './support.ts';

const ownMode = isRoot ? 0o711 : 0o700;
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
/** More than any process id can be (2²² on Linux), so nobody's. */
const nobodysProcessId = 4_194_305;

describe('the data directory', () => {
  it('is made with its parents, closed to others', () =>
    inFolder(async (folder) => {
      await prepareDataDirectory(join(folder, 'new', 'data'));
      expect(await modeOf(join(folder, 'new', 'data'))).to.equal(ownMode);
    }));

  it('is closed when it was open and is empty or holds only what is its own', () =>
    inFolder(async (folder) => {
      const dataDir = join(folder, 'data');
      await mkdir(dataDir);
      await chmod(dataDir, 0o775);
      await writeFile(join(dataDir, 'master.key'), '');
      await prepareDataDirectory(dataDir);
      expect(await modeOf(dataDir)).to.equal(ownMode);
    }));

  it('is refused and left as it is when it is open and holds other files', () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, 'letter.txt'), '');
      await chmod(folder, 0o1777);
      const error = await refusal(prepareDataDirectory(folder));
      expect(error).to.include({ code: 'unsafe_directory' });
      expect(error.message).to.include(folder).and.to.include('chmod');
      expect((await stat(folder)).mode & 0o7777).to.equal(0o1777);
    }));

  it('leaves the parents that exist as they are', () =>
    inFolder(async (folder) => {
      await chmod(folder, 0o751);
      await prepareDataDirectory(join(folder, 'data'));
      expect(await modeOf(folder)).to.equal(0o751);
    }));

  it('is known by its real path', () =>
    inFolder(async (folder) => {
      await mkdir(join(folder, 'data'));
      await symlink(join(folder, 'data'), join(folder, 'link'));
      expect(await prepareDataDirectory(join(folder, 'link'))).to.equal(join(folder, 'data'));
    }));

  it('is refused when it is a file', () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, 'data'), '');
      expect(await refusal(prepareDataDirectory(join(folder, 'data')))).to.include({ code: 'unsafe_directory' });
    }));

  it('is refused when it belongs to somebody else', async function () {
    if (!isRoot) this.skip();
    const account = await ordinaryAccount();
    await inFolder(async (folder) => {
      const error = await refusal(prepareDataDirectory(folder));
      expect(error).to.include({ code: 'wrong_owner' });
      expect(error.message).to.include(folder).and.to.include('chown');
    }, account);
    await inFolder(async (folder) => {
      expect(await serve(folder, account).next()).to.include({ event: 'refused', code: 'wrong_owner' });
    });
  });

  it('is refused when an ordinary user may not write to it', async () => {
    const account = await ordinaryAccount();
    await inFolder(async (folder) => {
      await chmod(folder, 0o500);
      for (const dataDir of [folder, join(folder, 'data')]) {
        const refused = await serve(dataDir, account).next();
        expect(refused).to.include({ event: 'refused', code: 'permission_denied' });
        expect(refused?.message).to.include(folder);
      }
      expect(await modeOf(folder)).to.equal(0o500);
    }, account);
  });
});

describe('what an interrupted start left behind', () => {
  it('is removed by the next start', () =>
    inFolder(async (folder) => {
      const dataDir = join(folder, 'data');
      for (const name of ['postgres.new', 'postgres.old', 'runtime-18.4.0.new']) {
        await mkdir(join(dataDir, `${name}-${nobodysProcessId}-0123456789ab`, 'base'), { recursive: true });
      }
      const postgres = await startEmbeddedPostgres({ dataDir, log: quiet });
      await postgres.stop();
      expect(await readdir(dataDir)).to.have.members(['postgres', 'postgres.log', 'socket']);
    }));

  it('is kept while the process that makes it lives, for at most an hour', () =>
    inFolder(async (folder) => {
      const [fresh, forgotten] = [`postgres.new-${process.ppid}-aa`, `postgres.new-${process.ppid}-bb`];
      await mkdir(join(folder, fresh));
      await mkdir(join(folder, forgotten));
      const longAgo = new Date(Date.now() - 3_700_000);
      await utimes(join(folder, forgotten), longAgo, longAgo);
      expect(await removeLeftovers(folder)).to.deep.equal([forgotten]);
      expect(await readdir(folder)).to.deep.equal([fresh]);
    }));

  it('is removed when an earlier process had the same id, and kept when it is our own', () =>
    inFolder(async (folder) => {
      const [earlier, own] = [`postgres.new-${process.pid}-aa`, `postgres.new-${process.pid}-bb`];
      await mkdir(join(folder, earlier));
      await mkdir(join(folder, own));
      const beforeUs = new Date(Date.now() - process.uptime() * 1000 - 1000);
      await utimes(join(folder, earlier), beforeUs, beforeUs);
      expect(await removeLeftovers(folder)).to.deep.equal([earlier]);
      expect(await readdir(folder)).to.deep.equal([own]);
    }));

  it('is never a cluster, a copy of the binaries or anything else with another name', () =>
    inFolder(async (folder) => {
      const kept = ['postgres', 'postgres.new', 'postgres.backup-1-aa', 'runtime-18.4.0', 'letters.new-1-aa'];
      await Promise.all(kept.map((name) => mkdir(join(folder, name))));
      expect(await removeLeftovers(folder)).to.deep.equal([]);
      expect(await readdir(folder)).to.have.members(kept);
    }));
});
