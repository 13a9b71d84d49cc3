import { expect } from 'chai';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { loadSodium } from '../../../src/encryption/sodium.ts';
import { masterKeyOriginOf } from '../../../src/start/keys/find-master-key.ts';
import { readConfig } from '../../../src/start/read-config.ts';
import { startCofferProcess } from '../../support/coffer-process.ts';

describe('a master key in the file of a setting', function () {
  this.timeout(30_000);
  let folder: string;
  const key = randomBytes(32).toString('base64');

  before(async () => (folder = await mkdtemp(join(tmpdir(), 'coffer-key-setting-'))));
  after(() => rm(folder, { recursive: true }));

  it('is read once by a start, so that it may be a pipe', async function () {
    if (process.platform === 'win32') this.skip();
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const writer = spawn('sh', ['-c', 'printf %s "$KEY" > "$PIPE"'], { env: { ...process.env, KEY: key, PIPE: pipe } });
    const coffer = await startCofferProcess(join(folder, 'data'), { COFFER_MASTER_KEY_FILE: pipe });
    expect(await coffer.stop()).to.equal(0);
    if (writer.exitCode === null) await once(writer, 'close');
  });

  it('is read again after a rotation, unless it is a pipe', async () => {
    const file = join(folder, 'file');
    const config = readConfig({ COFFER_MASTER_KEY_FILE: file }, () => key);
    const parts = { config, sodium: await loadSodium(), log: pino({ level: 'silent' }) };
    const vault = { keyring: undefined, holdsData: async () => false };
    const other = randomBytes(32);
    await writeFile(file, `${other.toString('base64')}\n`);
    const given = await masterKeyOriginOf(parts).obtain(vault);
    expect(given).to.deep.equal({ kind: 'key', key: new Uint8Array(Buffer.from(key, 'base64')) });
    const renewal = masterKeyOriginOf({ ...parts, isRenewal: true });
    expect(await renewal.obtain(vault)).to.deep.equal({ kind: 'key', key: new Uint8Array(other) });
    await rm(file);
    execFileSync('mkfifo', [file]);
    const refused: unknown = await renewal.obtain(vault).catch((error: unknown) => error);
    expect(refused).to.have.property('message', 'COFFER_MASTER_KEY_FILE names a file that can not be read again');
  });
});
