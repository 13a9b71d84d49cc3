import { expect } from 'chai';
import { chmod, cp, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chooseAccount, findAccess } from '../../src/embedded/account.ts';
import { ensureRunnable, locateBinaries, program } from '../../src/embedded/binaries.ts';
import { prepareDataDirectory } from '../../src/embedded/data-directory.ts';
import { runCommand } from '../../src/embedded/run-command.ts';
import { inFolder, isRoot, refusal } from './support.ts';

/** A copy of the platform package's files in `<folder>/checkout/native`, as a checkout of its own would hold them. */
async function copyOfBinaries(folder: string): Promise<{ root: string; version: string }> {
  const { root, version } = await locateBinaries();
  const copy = join(folder, 'checkout', 'native');
  await mkdir(join(folder, 'checkout'));
  await cp(root, copy, { recursive: true, verbatimSymlinks: true });
  return { root: copy, version };
}

describe('the binaries', () => {
  it('are run in place where the account can', () =>
    inFolder(async (folder) => {
      const located = await locateBinaries();
      const runnable = await ensureRunnable(located, await findAccess(folder, await chooseAccount(undefined)));
      expect(runnable).to.deep.equal({ ...located, majorVersion: 18 });
      expect(await readdir(folder)).to.deep.equal([]);
    }));

  it('are copied once, to be read by all and written by root only, where the account cannot enter the checkout', async function () {
    if (!isRoot) this.skip();
    await inFolder(async (folder) => {
      const account = await chooseAccount(undefined);
      const binaries = await copyOfBinaries(folder);
      await chmod(join(folder, 'checkout'), 0o700);
      const dataDir = await prepareDataDirectory(join(folder, 'data'));
      const staged = await ensureRunnable(binaries, await findAccess(dataDir, account));
      expect(staged.root).to.equal(join(dataDir, `runtime-${binaries.version}`));
      expect((await runCommand(program(staged, 'initdb'), ['--version'], { account })).output).to.include('PostgreSQL');
      const writable = await runCommand('find', [
        staged.root,
        '!',
        '-type',
        'l',
        '(',
        '-perm',
        '/022',
        '-o',
        '!',
        '-uid',
        '0',
        ')',
      ]);
      expect(writable).to.deep.equal({ succeeded: true, output: '' });
      const { ino } = await stat(staged.root);
      await ensureRunnable(binaries, await findAccess(dataDir, account));
      expect((await stat(staged.root)).ino).to.equal(ino);
      expect(await readdir(dataDir)).to.deep.equal([`runtime-${binaries.version}`]);
    });
  });

  it('are copied and linked where the install scripts of npm did not run', () =>
    inFolder(async (folder) => {
      const binaries = await copyOfBinaries(folder);
      await runCommand('find', [join(binaries.root, 'lib'), '-type', 'l', '-delete']);
      const dataDir = await prepareDataDirectory(join(folder, 'data'));
      const staged = await ensureRunnable(binaries, await findAccess(dataDir, await chooseAccount(undefined)));
      expect(staged.root).to.equal(join(dataDir, `runtime-${binaries.version}`));
    }));

  it('are copied again when the copy does not run', () =>
    inFolder(async (folder) => {
      const binaries = await copyOfBinaries(folder);
      await runCommand('find', [join(binaries.root, 'lib'), '-type', 'l', '-delete']);
      const dataDir = await prepareDataDirectory(join(folder, 'data'));
      const account = await chooseAccount(undefined);
      const staged = await ensureRunnable(binaries, await findAccess(dataDir, account));
      // What a power failure leaves of a file that was not on the disk yet.
      await writeFile(program(staged, 'postgres'), '');
      expect(await ensureRunnable(binaries, await findAccess(dataDir, account))).to.include({
        root: staged.root,
        majorVersion: 18,
      });
      expect(await readdir(dataDir)).to.deep.equal([`runtime-${binaries.version}`]);
    }));

  it('are refused when the installation is not whole', () =>
    inFolder(async (folder) => {
      const binaries = await copyOfBinaries(folder);
      await rm(join(binaries.root, 'share'), { recursive: true });
      const dataDir = await prepareDataDirectory(join(folder, 'data'));
      const error = await refusal(ensureRunnable(binaries, await findAccess(dataDir, await chooseAccount(undefined))));
      expect(error).to.include({ code: 'binaries_missing' });
      expect(error.message).to.include('npm ci');
    }));

  it('are copied to a folder for all where the account can not reach the data directory either', async function () {
    if (!isRoot) this.skip();
    await inFolder(async (folder) => {
      const binaries = await copyOfBinaries(folder);
      const [home, shared] = [join(folder, 'checkout'), join(folder, 'shared')];
      await chmod(home, 0o700);
      const access = await findAccess(await prepareDataDirectory(join(home, 'data')), await chooseAccount(undefined));
      const staged = await ensureRunnable(binaries, access, shared);
      expect(staged).to.include({ root: join(shared, `runtime-${binaries.version}`), majorVersion: 18 });
      expect((await stat(home)).mode & 0o777).to.equal(0o700);
    });
  });

  it('are not run from a folder for all that others may write to', async function () {
    if (!isRoot) this.skip();
    await inFolder(async (folder) => {
      const binaries = await copyOfBinaries(folder);
      await chmod(join(folder, 'checkout'), 0o700);
      const shared = join(folder, 'shared');
      await mkdir(shared);
      await chmod(shared, 0o777);
      const dataDir = await prepareDataDirectory(join(folder, 'checkout', 'data'));
      const access = await findAccess(dataDir, await chooseAccount(undefined));
      expect(await refusal(ensureRunnable(binaries, access, shared))).to.include({ code: 'unsafe_directory' });
    });
  });

  it('are not copied to a place that the account can not reach: the folder in the way is named', async function () {
    if (!isRoot) this.skip();
    await inFolder(async (folder) => {
      const binaries = await copyOfBinaries(folder);
      const home = join(folder, 'checkout');
      await chmod(home, 0o700);
      const access = await findAccess(await prepareDataDirectory(join(home, 'data')), await chooseAccount(undefined));
      const error = await refusal(ensureRunnable(binaries, access, join(home, 'shared')));
      expect(error).to.include({ code: 'unreachable_directory' });
      expect(error.message).to.include(`chmod o+x ${home},`);
    });
  });
});
