import { expect } from 'chai';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyFileError, readKeyFile, replaceKeyFile, writeKeyFile } from '../../src/start/key-file.ts';

describe('a key file', () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-key-'));
    path = join(folder, 'master.key');
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it('holds the key that was written, for its owner alone, and leaves nothing beside it', async () => {
    await writeKeyFile(path, 'the-key');
    expect(await readKeyFile(path)).to.equal('the-key');
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    expect(await readdir(folder)).to.deep.equal(['master.key']);
  });

  it('is never overwritten by a new one', async () => {
    await writeKeyFile(path, 'the-key');
    expect(await failureOf(writeKeyFile(path, 'another'))).to.be.instanceOf(KeyFileError);
    expect(await readKeyFile(path)).to.equal('the-key');
    expect(await readdir(folder)).to.deep.equal(['master.key']);
  });

  it('takes another key where it is to be replaced', async () => {
    await replaceKeyFile(path, 'the-key');
    await replaceKeyFile(path, 'another');
    expect(await readKeyFile(path)).to.equal('another');
  });

  it('is undefined where there is none', async () => {
    expect(await readKeyFile(path)).to.equal(undefined);
  });

  it('is refused where others may read it, without being quoted', async () => {
    await writeFile(path, 'the-key');
    await chmod(path, 0o640);
    const failure = await failureOf(readKeyFile(path));
    expect(failure).to.be.instanceOf(KeyFileError);
    expect(String(failure)).to.include('chmod 600').and.not.to.include('the-key');
  });

  it('is refused where it is a folder', async () => {
    const failure = await failureOf(readKeyFile(folder));
    expect(failure).to.be.instanceOf(KeyFileError);
  });
});

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error;
  }
}
