import { expect } from 'chai';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hasProcesses } from '../../src/embedded/postmaster-process.ts';
import { startCofferProcess } from '../support/coffer-process.ts';

const rounds = Number(process.env['STOP_ROUNDS'] ?? 1);
const root = resolve(import.meta.dirname, '../..');
const hasTerminals = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;
// Has the launcher take the Node that runs it for an older one, so that it starts the bundled one.
const olderNode = `--import=data:text/javascript,${encodeURIComponent(
  'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.0.0" } })',
)}`;

/** How a server is started, and what ends it. */
interface Way {
  readonly title: string;
  readonly needsTerminal?: boolean;
  readonly command: (logFile: string) => readonly string[];
  readonly stop: (started: ChildProcess, dataDir: string) => Promise<void> | void;
}

const inTerminal = (logFile: string): string[] => ['script', '-qfec', `npm start --silent 2>${logFile}`, '/dev/null'];
const launched = (logFile: string): string[] => [
  'sh',
  '-c',
  `exec "${process.execPath}" '${olderNode}' bin/coffer.mjs 2>${logFile}`,
];

const ways: readonly Way[] = [
  {
    title: 'Ctrl-C in the terminal of npm start, which npm passes on as well',
    needsTerminal: true,
    command: inTerminal,
    stop: ({ stdin }) => void stdin?.write('\x03'),
  },
  {
    title: 'Ctrl-\\ in the terminal of npm start',
    needsTerminal: true,
    command: inTerminal,
    stop: ({ stdin }) => void stdin?.write('\x1c'),
  },
  {
    title: 'the terminal of npm start is closed',
    needsTerminal: true,
    command: inTerminal,
    stop: (started) => void started.kill('SIGKILL'),
  },
  {
    title: 'timeout, which signals its child and then the whole group, ends npm start',
    command: (logFile) => ['timeout', '600', 'sh', '-c', `exec npm start --silent 2>${logFile}`],
    stop: (started) => void started.kill('SIGTERM'),
  },
  {
    title: 'SIGHUP to the process',
    command: (logFile) => ['sh', '-c', `exec "${process.execPath}" bin/coffer.mjs 2>${logFile}`],
    stop: (started) => void started.kill('SIGHUP'),
  },
  {
    title: 'SIGTERM to the launcher and the server together',
    command: launched,
    stop: async (_started, dataDir) => {
      for (const processId of await processesOf(dataDir)) process.kill(processId, 'SIGTERM');
    },
  },
  {
    title: 'SIGQUIT to the launcher alone',
    command: launched,
    stop: (started) => void started.kill('SIGQUIT'),
  },
  {
    title: 'the launcher is killed',
    command: launched,
    stop: (started) => void started.kill('SIGKILL'),
  },
];

describe('a server with an embedded PostgreSQL that is asked to stop', function () {
  this.timeout(60_000 * (rounds + 1));
  let dataDir: string;
  let logDir: string;

  before(async function () {
    if (process.platform !== 'linux') this.skip();
    dataDir = await mkdtemp(join(tmpdir(), 'coffer-stopping-'));
    logDir = await mkdtemp(join(tmpdir(), 'coffer-stopping-log-'));
  });

  after(async () => {
    for (const folder of [dataDir, logDir]) if (folder) await rm(folder, { recursive: true, force: true });
  });

  for (const { title, needsTerminal = false, command, stop } of ways) {
    (needsTerminal && !hasTerminals ? it.skip : it)(`leaves no process and its last word: ${title}`, async () => {
      const logFile = join(logDir, 'log');
      for (let round = 0; round < rounds; round++) {
        const [program = '', ...parameters] = command(logFile);
        const started = spawn(program, parameters, {
          cwd: root,
          detached: true,
          env: { PATH: process.env['PATH'], HOME: logDir, COFFER_DATA_DIR: dataDir, COFFER_PORT: '0' },
          stdio: ['pipe', 'pipe', 'ignore'],
        });
        await listening(started);
        await stop(started, dataDir);
        await untilNoneIsLeft(dataDir);
        const lines = (await readFile(logFile, 'utf8')).trimEnd().split('\n');
        expect(lines.at(-1)).to.include('"msg":"stopped"');
        expect(lines.filter((line) => line.includes('"msg":"stopping"'))).to.have.length(1);
      }
    });
  }

  it('ends at once, and has its PostgreSQL end, when the request is repeated after two seconds', async () => {
    const coffer = await startCofferProcess(dataDir);
    const { hostname, port } = new URL(coffer.origin);
    const unfinished = connect(Number(port), hostname).on('error', () => undefined);
    const head = `POST /v1/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n`;
    unfinished.write(head);
    // Its answer shows that the call, sent before, is in flight.
    await fetch(`${coffer.origin}/healthz`);
    const closed = once(coffer.process, 'close');
    coffer.process.kill('SIGTERM');
    await delay(2_100);
    coffer.process.kill('SIGTERM');
    expect(await closed).to.deep.equal([130, null]);
    unfinished.destroy();
    await untilNoneIsLeft(dataDir);
  });

  it('stops while it waits for a database that is not there yet', async () => {
    const waiting = spawn(process.execPath, ['bin/coffer.mjs'], {
      cwd: root,
      env: {
        PATH: process.env['PATH'],
        COFFER_DATA_DIR: dataDir,
        COFFER_DATABASE_URL: 'postgres://coffer@127.0.0.1:1/coffer',
        COFFER_MASTER_KEY: randomBytes(32).toString('base64'),
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    waiting.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    while (!log.includes('waiting for the database')) await once(waiting.stderr, 'data');
    waiting.kill('SIGTERM');
    expect(await once(waiting, 'close')).to.deep.equal([0, null]);
    expect(log).to.include('"msg":"stopped"');
  });

  it('leaves nothing of a demo that is interrupted', async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'coffer-demo-of-a-test-'));
    // The account of PostgreSQL has to pass.
    await chmod(temporary, 0o711);
    const demo = spawn(process.execPath, ['bin/coffer.mjs', 'demo'], {
      cwd: root,
      env: { PATH: process.env['PATH'], TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(demo.stdout, 'data');
    demo.kill('SIGINT');
    expect(await once(demo, 'close')).to.deep.equal([130, null]);
    expect((await readdir(temporary)).filter((name) => name.startsWith('coffer-demo-'))).to.deep.equal([]);
    await rm(temporary, { recursive: true });
  });
});

async function listening({ stdout }: ChildProcess): Promise<void> {
  let output = '';
  for await (const chunk of stdout ?? []) {
    output += String(chunk);
    if (output.includes('listening on ')) break;
  }
  expect(output).to.include('listening on ');
}

async function untilNoneIsLeft(dataDir: string): Promise<void> {
  while ((await processesOf(dataDir)).length > 0 || (await hasProcesses(join(dataDir, 'postgres')))) await delay(20);
}

/** Those that were started with the data directory in their environment; PostgreSQL's are not. */
async function processesOf(dataDir: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const environment = await readFile(`/proc/${entry}/environ`, 'utf8').catch(() => '');
    if (environment.split('\0').includes(`COFFER_DATA_DIR=${dataDir}`)) found.push(Number(entry));
  }
  return found;
}
