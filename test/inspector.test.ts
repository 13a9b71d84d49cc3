import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { sharedPostgres } from './support/postgres.ts';

const root = resolve(import.meta.dirname, '..');
const launcher = 'bin/coffer.mjs';

/** Ways in which operators start a server. */
const ways: Readonly<Record<string, readonly string[]>> = {
  'started by the launcher': [process.execPath, launcher],
  'started by the launcher with the flag': [process.execPath, '--disable-sigusr1', launcher],
};

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
      const port = await freePort();
      const started = start(command, { NODE_OPTIONS: `--inspect-port=127.0.0.1:${port}` });
      const { child, output } = started;
      await until(() => output().includes('listening on '), started);
      const origin = /listening on (\S+)/.exec(output())?.[1] ?? '';
      for (let times = 0; times < 3; times += 1) {
        child.kill('SIGUSR1');
        expect((await fetch(`${origin}/healthz`)).status).to.equal(200);
      }
      expect(await isOpen(port)).to.equal(false);
      child.kill('SIGTERM');
      await once(child, 'close');
      expect(output())
        .to.include('"stopped"')
        .and.not.to.match(/debugger/i);
    });
  }

  it('has its signal disabled by the command that npm runs', async () => {
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    expect(scripts.start).to.include('--disable-sigusr1');
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

/** One that nothing listens on at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the port has no number');
  return address.port;
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const { promise, resolve: found } = Promise.withResolvers<boolean>();
  socket.once('connect', () => found(true)).once('error', () => found(false));
  const answer = await promise;
  socket.destroy();
  return answer;
}

async function until(done: () => boolean, { child, output }: Started): Promise<void> {
  while (!done()) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${output()}`);
    await delay(10);
  }
}
