import { expect } from 'chai';
import { stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { limitServerLog, openServerLog, readServerLog, serverLogBytes } from '../../src/embedded/server-log.ts';
import { inFolder, refusal } from './support.ts';

describe('the log of PostgreSQL', () => {
  it('is readable by its owner only and is added to', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'postgres.log');
      for (const line of ['one\n', 'two\n']) {
        const log = await openServerLog(path);
        await log.write(line);
        await log.close();
      }
      expect(await readServerLog(path, 0)).to.equal('one\ntwo\n');
      expect((await stat(path)).mode & 0o777).to.equal(0o600);
    }));

  it('is never written through a link', () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, 'letter.txt'), '');
      await symlink(join(folder, 'letter.txt'), join(folder, 'postgres.log'));
      expect(await refusal(openServerLog(join(folder, 'postgres.log')))).to.include({ code: 'start_failed' });
    }));

  it('is put aside beyond 1 MiB, while a process that has it open writes on', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'postgres.log');
      const log = await openServerLog(path);
      await log.write('x'.repeat(1024 * 1024));
      await limitServerLog(path);
      expect(await serverLogBytes(path)).to.equal(1024 * 1024);
      await log.write('!');
      await limitServerLog(path);
      await log.write('next');
      await log.close();
      expect(await readServerLog(path, 0)).to.equal('next');
      expect(await serverLogBytes(`${path}.1`)).to.equal(1024 * 1024 + 1);
    }));

  it('is read from an offset, at most the last 4 KiB', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'postgres.log');
      await writeFile(path, `${'a'.repeat(5000)}end`);
      expect(await readServerLog(path, 5000)).to.equal('end');
      expect(await readServerLog(path, 0)).to.equal(`${'a'.repeat(4093)}end`);
      expect(await readServerLog(path, 9000)).to.equal('');
    }));
});
