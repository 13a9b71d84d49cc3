import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { sharedPostgres } from '../support/postgres.ts';

const root = resolve(import.meta.dirname, '../..');
const launcher = 'bin/coffer.mjs';

/** Ways in which operators start a server, with a port of the inspector that the system would choose. */
const ways: Readonly<Record<string, readonly string[]>> = {
  'that runs the launcher': [process.execPath, launcher],
  'that has the options of npm start': [process.execPath, ...optionsOfNpmStart(), launcher],
};
const anyPort = { NODE_OPTIONS: '--inspect-port=127.0.0.1:0' };

interface Started {
  readonly child: ChildProcess;
  readonly output: () => string;
}

describe("Node's inspector", function () {
  this.timeout(60_000);
  let folder: string;
  let environment: NodeJS.ProcessEnv;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-inspector-'));
    const { url } = await (await sharedPostgres()).createDatabase();
    environment = {
      PATH: process.env['PATH'],
      HOME: folder,
      COFFER_PORT: '0',
      COFFER_DATABASE_URL: url,
      COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
      COFFER_ADMIN_API_KEY: `cof_${randomBytes(32).toString('base64url')}`,
    };
  });
  after(() => rm(folder, { recursive: true }));

  function start([program = '', ...parameters]: readonly string[], more: NodeJS.ProcessEnv = {}): Started {
    const child = spawn(program, parameters, {
      cwd: root,
      env: { ...environment, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
    return { child, output: () => text };
  }

  for (const [title, command] of Object.entries(ways)) {
    it(`is not opened by SIGUSR1 in a server ${title}`, async () => {
      const started = start(command, anyPort);
      const { child, output } = started;
      await until(() => output().includes('listening on '), started);
      const origin = /listening on (\S+)/.exec(output())?.[1] ?? '';
      for (let times = 0; times < 3; times += 1) {
        child.kill('SIGUSR1');
        expect((await fetch(`${origin}/healthz`)).status).to.equal(200);
      }
      child.kill('SIGTERM');
      await once(child, 'close');
      expect(output())
        .to.include('"stopped"')
        .and.not.to.match(/debugger/i);
    });
  }

  it('is opened by SIGUSR1 in a program that does not prevent it, and reports its address', async () => {
    const started = start([process.execPath, '-e', `setInterval(() => {}, 1000); console.log('ready')`], anyPort);
    await until(() => started.output().includes('ready'), started);
    started.child.kill('SIGUSR1');
    await until(() => /debugger listening/i.test(started.output()), started);
    started.child.kill('SIGKILL');
    await once(started.child, 'close');
  });

  it('has its signal disabled from the first moment by the options of npm start', () => {
    expect(optionsOfNpmStart()).to.include('--disable-sigusr1');
  });

  for (const [title, command, more] of [
    ['on the command line', [process.execPath, '--inspect=0.0.0.0:0', launcher], {}],
    ['in NODE_OPTIONS', [process.execPath, launcher], { NODE_OPTIONS: '--inspect-port=0.0.0.0:0' }],
    ['for another command', [process.execPath, '--inspect-port=[::]:0', launcher, 'help'], {}],
  ] as const) {
    it(`on another address than loopback is refused ${title}`, async () => {
      const { child, output } = start(command, more);
      const [exitCode] = await once(child, 'close');
      expect(exitCode).to.equal(1);
      expect(output()).to.match(
        /^coffer: --inspect\S* in .* opens Node's inspector on another address than loopback.*$/m,
      );
      expect(output()).not.to.match(/^listening on |at .*exposed-inspector/m);
    });
  }
});

/** What the script passes to Node 24. */
function optionsOfNpmStart(): readonly string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const [, options = ''] = /flags='([^']*)'/.exec(scripts.start) ?? [];
  return options.split(' ');
}

async function until(done: () => boolean, { child, output }: Started): Promise<void> {
  while (!done()) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${output()}`);
    await delay(10);
  }
}
