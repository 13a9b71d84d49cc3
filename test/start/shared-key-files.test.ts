import { expect } from 'chai';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { warnOfSharedKeyFiles } from '../../src/start/shared-key-files.ts';

describe('a key file', () => {
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
    it(`of mode ${shown} is warned of by its path and mode, once, and its content is not shown`, async () => {
      const path = await fileOf(mode);
      await warnOfSharedKeyFiles([path, path], log);
      expect(warnings).to.deep.equal([{ path, mode: shown }]);
    });
  }

  for (const mode of [0o600, 0o400, 0o700]) {
    it(`of mode 0${mode.toString(8)} is not warned of`, async () => {
      await warnOfSharedKeyFiles([await fileOf(mode)], log);
      expect(warnings).to.deep.equal([]);
    });
  }

  it('counts behind a link, as secrets of containers are, and an absent one does not', async () => {
    const link = join(folder, 'link');
    await symlink(await fileOf(0o644), link);
    await warnOfSharedKeyFiles([link, join(folder, 'absent')], log);
    expect(warnings).to.deep.equal([{ path: link, mode: '0644' }]);
  });
});
