import { expect } from 'chai';
import { chmod, chown, mkdir, open, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import type { EmbeddedPostgresError } from '../../src/embedded/errors.ts';
import { runCommand } from '../../src/embedded/run-command.ts';
import {
  inFolder,
  isRoot,
  ordinaryAccount,
  postmasterOf,
  query,
  quiet,
  refusal,
  serve,
  stopAnyPostmaster,
  eventually,
} from './support.ts';

const start = async (dataDir: string): Promise<EmbeddedPostgresError> =>
  refusal(startEmbeddedPostgres({ dataDir, log: quiet }));

/** A data directory with a cluster in it that was stopped in an orderly way. */
async function withCluster(action: (dataDir: string, cluster: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const dataDir = join(folder, 'data');
    const postgres = await startEmbeddedPostgres({ dataDir, log: quiet });
    await query(postgres.connection, 'create table kept as select 7 as number');
    await postgres.stop();
    await action(dataDir, join(dataDir, 'postgres'));
  });
}

/** Runs an action on a small file system of its own; the answer is false where nobody may mount one. */
async function onSmallDisk(sizeMiB: number, action: (folder: string) => Promise<void>): Promise<boolean> {
  let mounted = false;
  await inFolder(async (folder) => {
    const disk = join(folder, 'disk');
    await mkdir(disk);
    mounted = (await runCommand('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=755`, 'tmpfs', disk])).succeeded;
    if (!mounted) return;
    try {
      await action(disk);
    } finally {
      await stopAnyPostmaster(join(disk, 'data', 'postgres'));
      await runCommand('umount', [disk]);
    }
  });
  return mounted;
}

async function fillDisk(folder: string): Promise<void> {
  const file = await open(join(folder, 'filler'), 'w');
  try {
    for (;;) await file.write(Buffer.alloc(4096));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    await file.close();
  }
}

async function laterThan(path: string): Promise<void> {
  const { ctimeMs } = await stat(path);
  if (Date.now() < Math.floor(ctimeMs / 1000 + 1) * 1000) throw new Error('still the same second');
}

describe('a cluster', () => {
  it('is not touched when it was made by another version of PostgreSQL', () =>
    withCluster(async (dataDir, cluster) => {
      await writeFile(join(cluster, 'PG_VERSION'), '17\n');
      const error = await start(dataDir);
      expect(error).to.include({ code: 'incompatible_version' });
      expect(error.message).to.include(cluster).and.to.include('17').and.to.include('18');
      await writeFile(join(cluster, 'PG_VERSION'), '18\n');
      const postgres = await startEmbeddedPostgres({ dataDir, log: quiet });
      expect(await query(postgres.connection, 'table kept')).to.deep.equal([{ number: 7 }]);
      await postgres.stop();
    }));

  it('is not touched when it is not one', () =>
    inFolder(async (folder) => {
      const cluster = join(folder, 'data', 'postgres');
      await mkdir(join(cluster, 'base'), { recursive: true });
      if (isRoot) await chown(cluster, (await ordinaryAccount())?.uid ?? 0, 0);
      expect(await start(join(folder, 'data'))).to.include({ code: 'corrupted' });
      expect(await readdir(cluster)).to.deep.equal(['base']);
    }));

  it('is called damaged, with the message of PostgreSQL as the cause, when a file is missing or cut', () =>
    withCluster(async (dataDir, cluster) => {
      await truncate(join(cluster, 'global', 'pg_control'), 100);
      const cut = await start(dataDir);
      expect(cut).to.include({ code: 'corrupted' });
      expect(cut.message).to.include(cluster).and.to.include('backup');
      expect(String(cut.cause)).to.include('pg_control');
      await rm(join(cluster, 'global', 'pg_control'));
      expect(await start(dataDir)).to.include({ code: 'corrupted' });
      expect(await readdir(cluster)).to.include.members(['PG_VERSION', 'base', 'pg_wal']);
    }));

  it('is refused when others may read it', () =>
    withCluster(async (dataDir, cluster) => {
      await chmod(cluster, 0o755);
      const error = await start(dataDir);
      expect(error).to.include({ code: 'unsafe_directory' });
      expect(error.message).to.include('chmod 700');
    }));

  it('is refused when it belongs to another account than the one PostgreSQL would run under', async function () {
    if (!isRoot) this.skip();
    await withCluster(async (dataDir, cluster) => {
      await chown(cluster, 4711, 4711);
      const error = await start(dataDir);
      expect(error).to.include({ code: 'wrong_owner' });
      expect(error.message).to.include(cluster).and.to.include('4711').and.to.include('chown');
      expect((await stat(cluster)).uid).to.equal(4711);
    });
  });

  it('is served by its own account, although an earlier candidate exists', async function () {
    if (!isRoot) this.skip();
    await withCluster(async (dataDir, cluster) => {
      const nobody = Number.parseInt((await runCommand('id', ['-u', 'nobody'])).output, 10);
      await runCommand('chown', ['-R', 'nobody', cluster]);
      await rm(join(dataDir, 'socket'), { recursive: true });
      const postgres = await startEmbeddedPostgres({ dataDir, log: quiet });
      expect((await stat(`/proc/${await postmasterOf(dataDir)}`)).uid).to.equal(nobody);
      await postgres.stop();
    });
  });

  it('is not made on a full disk, and nothing of it stays', async function () {
    if (!isRoot) this.skip();
    const mounted = await onSmallDisk(12, async (disk) => {
      const error = await start(join(disk, 'data'));
      expect(error).to.include({ code: 'disk_full' });
      expect(error.message).to.include(disk).and.to.include('free some space');
      expect(await readdir(join(disk, 'data'))).to.deep.equal([]);
    });
    if (!mounted) this.skip();
  });

  it('reports that it cannot be started on a full disk, and starts when there is space again', async function () {
    if (!isRoot) this.skip();
    const mounted = await onSmallDisk(120, async (disk) => {
      const dataDir = join(disk, 'data');
      const first = serve(dataDir);
      await query(await first.ready(), 'create table kept as select 7 as number');
      const postmaster = await postmasterOf(dataDir);
      await first.kill();
      process.kill(postmaster, 'SIGKILL');
      await fillDisk(disk);
      expect(await start(dataDir)).to.include({ code: 'disk_full' });
      await rm(join(disk, 'filler'));
      const postgres = await startEmbeddedPostgres({ dataDir, log: quiet });
      expect(await query(postgres.connection, 'table kept')).to.deep.equal([{ number: 7 }]);
      await postgres.stop();
    });
    if (!mounted) this.skip();
  });

  it('is refused on a read-only file system', async function () {
    if (!isRoot) this.skip();
    const mounted = await onSmallDisk(120, async (disk) => {
      const dataDir = join(disk, 'data');
      await (await startEmbeddedPostgres({ dataDir, log: quiet })).stop();
      expect((await runCommand('mount', ['-o', 'remount,ro', disk])).succeeded).to.equal(true);
      expect(await start(dataDir)).to.include({ code: 'read_only' });
    });
    if (!mounted) this.skip();
  });

  it('starts when its lock file names a process that is something else by now', () =>
    withCluster(async (dataDir, cluster) => {
      // Ourselves: alive, and surely no postmaster. As root PostgreSQL sees through it; as an ordinary user it cannot.
      await writeFile(
        join(cluster, 'postmaster.pid'),
        `${process.pid}\n${cluster}\n1\n5432\n${join(dataDir, 'socket')}\n`,
      );
      const postgres = await startEmbeddedPostgres({ dataDir, log: quiet });
      expect(await query(postgres.connection, 'table kept')).to.deep.equal([{ number: 7 }]);
      await postgres.stop();
    }));

  it('is not taken for the one that it is a copy of, while that is being served', () =>
    inFolder(async (folder) => {
      const [original, copy] = [join(folder, 'data'), join(folder, 'copy')];
      const first = await startEmbeddedPostgres({ dataDir: original, log: quiet });
      await query(first.connection, 'checkpoint');
      // File times count in seconds for PostgreSQL: the copy has to be made in a later one.
      await eventually(() => laterThan(join(original, 'postgres', 'PG_VERSION')));
      await runCommand('cp', ['-a', original, copy]);
      const second = await startEmbeddedPostgres({ dataDir: copy, log: quiet });
      await query(second.connection, 'create table only_in_the_copy ()');
      const [found] = await query(first.connection, "select to_regclass('only_in_the_copy') as name");
      expect(found).to.deep.equal({ name: null });
      await second.stop();
      await first.stop();
    }));
});
