import { expect } from 'chai';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCodeOf, serverError } from '../../src/embedded/errors.ts';
import { runCommand } from '../../src/embedded/run-command.ts';
import { eventually, isRoot, postmasterOf, query, serve, stopAnyPostmaster } from './support.ts';

const fillerBytes = 256 * 1024;

describe('an embedded PostgreSQL on a disk that is full', () => {
  let disk: string;
  let dataDir: string;

  before(async function () {
    this.timeout(120_000);
    disk = await mkdtemp(join(tmpdir(), 'coffer-disk-'));
    const mount = await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=128m,mode=0755', 'tmpfs', disk]);
    if (!isRoot || !mount.succeeded) {
      await rm(disk, { recursive: true });
      this.skip();
    }
    await mkdir(join(disk, 'filler'));
    dataDir = join(disk, 'data');
  });

  after(async function () {
    if (dataDir === undefined) return;
    await stopAnyPostmaster(join(dataDir, 'postgres'));
    await runCommand('umount', ['-l', disk]);
    await rm(disk, { recursive: true, force: true });
  });

  async function fill(): Promise<void> {
    try {
      for (let file = 0; ; file += 1) await writeFile(join(disk, 'filler', String(file)), Buffer.alloc(fillerBytes));
    } catch (error) {
      expect(errorCodeOf(error)).to.equal('ENOSPC');
    }
  }

  async function makeRoom(): Promise<void> {
    await rm(join(disk, 'filler'), { recursive: true });
    await mkdir(join(disk, 'filler'));
  }

  it('serves again by itself once there is room, and never asks for a backup', async function () {
    this.timeout(120_000);
    const server = serve(dataDir);
    const connection = await server.ready();
    await query(connection, 'create table kept as select 7 as number');
    const postmaster = await postmasterOf(dataDir);
    await fill();
    // A checkpoint, which needs room, ends in a PANIC; kill it as well, in case there was just room enough.
    await query(
      connection,
      'create table more as select repeat(md5(n::text), 60) from generate_series(1, 20000) n',
    ).catch(() => undefined);
    process.kill(postmaster, 'SIGKILL');
    expect(await server.next()).to.include({ event: 'warned' });
    const refused = await serverError(
      'start',
      join(dataDir, 'postgres'),
      'PANIC:  could not open file "x": No such file',
    );
    expect(refused).to.include({ code: 'disk_full' });
    await makeRoom();
    expect(await eventually(() => query(connection, 'table kept'))).to.deep.equal([{ number: 7 }]);
    await server.stop();
  });

  for (const [what, text] of [
    ['empty', ''],
    ['garbage', 'no process\n'],
  ] as const) {
    it(`starts on a postmaster.pid that is ${what}`, async function () {
      this.timeout(120_000);
      const first = serve(dataDir);
      await first.ready();
      const postmaster = await postmasterOf(dataDir);
      await first.kill();
      process.kill(postmaster, 'SIGKILL');
      const lockFile = join(dataDir, 'postgres', 'postmaster.pid');
      await writeFile(lockFile, text);
      await chmod(lockFile, 0o600);
      const second = serve(dataDir);
      expect(await query(await second.ready(), 'select 1 as one')).to.deep.equal([{ one: 1 }]);
      await second.stop();
    });
  }
});
