import { expect } from 'chai';
import { chmod, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  KeyFileError,
  readKeyFile,
  removeUnfinishedKeyFiles,
  replaceKeyFile,
  warnOfSharedKeyFiles,
  writeKeyFile,
} from '../../../src/start/keys/key-file.ts';

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

  it('holds the key that was written, for its owner only, and leaves nothing beside it', async () => {
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

  it('of which a crash has left a copy is removed a minute later, and nothing else is', async () => {
    const [old, young] = ['.018f3c5e-7b2a-7c3d-8f00-11223344aabb.key', '.018f3c5e-7b2a-7c3d-8f00-11223344aabc.key'];
    const others = ['.mine.key', 'master.key', 'master.key.0123456789abcdef'];
    for (const name of [old, young, ...others]) await writeFile(join(folder, name), 'the-key', { mode: 0o600 });
    const now = Date.now();
    const before = new Date(now - 61_000);
    for (const name of [old, ...others]) await utimes(join(folder, name), before, before);
    await removeUnfinishedKeyFiles(folder, now);
    expect(await readdir(folder)).to.have.members([young, ...others]);
    await removeUnfinishedKeyFiles(join(folder, 'absent'), now);
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

describe('a key file that is checked at the start', () => {
  let folder: string;
  let warnings: object[];
  const log = { warn: (fields: object) => void warnings.push(fields) };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-key-files-'));
    warnings = [];
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function fileOf(mode: number): Promise<string> {
    const path = join(folder, `0${mode.toString(8)}`);
    await writeFile(path, 'the content of a key');
    await chmod(path, mode);
    return path;
  }

  for (const mode of [0o644, 0o640, 0o604, 0o620, 0o602, 0o601, 0o777, 0o444]) {
    const shown = `0${mode.toString(8)}`;
    it(`of mode ${shown} is reported once, with its path and mode, and without its content`, async () => {
      const path = await fileOf(mode);
      await warnOfSharedKeyFiles([path, path], log);
      expect(warnings).to.deep.equal([{ path, mode: shown }]);
    });
  }

  for (const mode of [0o600, 0o400, 0o700]) {
    it(`of mode 0${mode.toString(8)} is not reported`, async () => {
      await warnOfSharedKeyFiles([await fileOf(mode)], log);
      expect(warnings).to.deep.equal([]);
    });
  }

  it('is checked through a link, as secrets of containers are, and an absent one is not reported', async () => {
    const link = join(folder, 'link');
    await symlink(await fileOf(0o644), link);
    await warnOfSharedKeyFiles([link, join(folder, 'absent')], log);
    expect(warnings).to.deep.equal([{ path: link, mode: '0644' }]);
  });
});
