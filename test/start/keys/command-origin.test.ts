import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { commandOrigin } from '../../../src/start/keys/command-origin.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { textOf } from '../../support/json.ts';

const node = process.execPath;
const vault = { keyring: undefined, holdsData: async () => false };
const obtain = (program: string, ...parameters: string[]) =>
  commandOrigin({ kind: 'command', program, parameters }).obtain(vault);

async function refusalOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'obtained',
    (error: unknown) => (error instanceof Error ? error.message : ''),
  );
}

describe('a command that prints the master key', () => {
  const key = randomBytes(32);
  let folder: string;
  let file: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-command-'));
    file = join(folder, 'key');
    await writeFile(file, `${key.toString('base64')}\n`);
  });

  after(() => rm(folder, { recursive: true }));

  it('is run without a shell, with its arguments as they are', async () => {
    expect(await obtain('/bin/cat', file)).to.deep.equal({ kind: 'key', key: new Uint8Array(key) });
    const printing = 'process.stdout.write(Buffer.from(process.argv[1], "hex").toString("base64"))';
    expect(await obtain(node, '-e', printing, '--', key.toString('hex'))).to.have.deep.property(
      'key',
      new Uint8Array(key),
    );
    const injected = await refusalOf(obtain('/bin/cat', `${file}; touch ${join(folder, 'touched')}`));
    expect(injected).to.equal('COFFER_MASTER_KEY_COMMAND ended with exit code 1');
  });

  it('is refused in a sentence that quotes nothing of its output', async () => {
    const cases = [
      [obtain(join(folder, 'absent')), 'cannot be run: ENOENT'],
      [obtain(file), 'cannot be run: EACCES'],
      [obtain(node, '-e', 'process.exit(3)'), 'ended with exit code 3'],
      [obtain(node, '-e', 'process.kill(process.pid, "SIGTERM")'), 'was ended by SIGTERM'],
      [obtain(node, '-e', 'console.log("canary")'), 'does not hold 32 bytes in base64'],
      [obtain(node, '-e', ''), 'does not hold 32 bytes in base64'],
      [obtain(node, '-e', 'for (;;) console.log("canary")'), 'printed more than 32 bytes in base64'],
      [obtain(node, '-e', 'console.error("canary"); process.exit(1)'), 'ended with exit code 1'],
    ] as const;
    for (const [attempt, problem] of cases) {
      expect(await refusalOf(attempt)).to.equal(`COFFER_MASTER_KEY_COMMAND ${problem}`);
    }
  });

  it('is ended after ten seconds, with all that it has started', async function () {
    this.timeout(30_000);
    const pidFile = join(folder, 'pid');
    const start = `
      const { spawn } = require('node:child_process');
      const child = spawn('sleep', ['600'], { stdio: 'inherit' });
      require('node:fs').writeFileSync(process.argv[1], String(child.pid));
      setTimeout(() => undefined, 600_000);`;
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const refusal = refusalOf(obtain(node, '-e', start, '--', pidFile));
      let pid = 0;
      while (pid === 0) pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
      mock.timers.tick(9_999);
      expect(await isRunning(pid)).to.equal(true);
      mock.timers.tick(1);
      expect(await refusal).to.equal('COFFER_MASTER_KEY_COMMAND did not end within 10 s');
      while (await isRunning(pid));
    } finally {
      mock.timers.reset();
    }
  });

  it('opens a vault at each start, and another key is refused with both fingerprints', async () => {
    const environment = { COFFER_MASTER_KEY: '', COFFER_MASTER_KEY_COMMAND: JSON.stringify(['/bin/cat', file]) };
    let coffer: TestCoffer = await startCoffer({ environment });
    const { database } = coffer;
    const path = '/v1/workspaces/default/credentials';
    const created = await coffer.native('POST', path, { credential: { name: 'kept' }, secret: { api_key: 'value' } });
    await coffer.stop();
    const again = { ...environment, COFFER_ADMIN_API_KEY: coffer.adminToken };
    coffer = await startCoffer({ database, environment: again });
    const id = textOf(created, 'credential', 'id');
    expect(await coffer.native('POST', `${path}/${id}:reveal`, {})).to.have.nested.property('secret.api_key', 'value');
    await coffer.stop();
    const other = join(folder, 'other');
    await writeFile(other, randomBytes(32).toString('base64'));
    const wrong = { ...again, COFFER_MASTER_KEY_COMMAND: JSON.stringify(['/bin/cat', other]) };
    expect(await refusalOf(startCoffer({ database, environment: wrong }))).to.match(
      /^COFFER_MASTER_KEY_COMMAND is not the master key of this vault: it needs key [0-9a-f]{16}; got [0-9a-f]{16}\./,
    );
  });
});

/** A child of a killed parent may stay as a zombie where nothing reaps it. */
async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return /^State:\s+[^ZX]/m.test(status);
}
