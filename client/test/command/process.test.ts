import { expect } from 'chai';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { startCoffer, type TestCoffer } from '../../../test/support/coffer.ts';
import { CommandUser } from '../support/run-command.ts';

const program = resolve(import.meta.dirname, '../../src/command/main.ts');

describe('the process of the command', () => {
  let server: TestCoffer;
  let user: CommandUser;

  before(async () => {
    server = await startCoffer();
    user = new CommandUser({ COFFER_URL: server.origin, COFFER_TOKEN: server.adminToken });
  });
  after(async () => {
    user[Symbol.dispose]();
    await server.stop();
  });

  it('watches changes as lines of JSON, and continues after the token of one', async () => {
    const { event, resume_token: token } = await watchOne([], putWatched);
    expect(event.kind).to.be.oneOf(['CREATED', 'SECRET_CHANGED']);
    await putWatched();
    const next = await watchOne(['--resume-token', token], () => delay(50));
    expect(next.event).to.deep.include({ kind: 'SECRET_CHANGED', revision: event.revision + 1 });
  });

  it('offers commands, options and values to bash', async () => {
    const script = await user.print(['completion', 'bash']);
    expect(complete(script, ['coffer', 'ex'])).to.deep.equal(['export']);
    expect(complete(script, ['coffer', 'export', '--format', 'd'])).to.deep.equal(['dotenv', 'docker']);
    expect(complete(script, ['coffer', 'get', '--sh'])).to.deep.equal(['--show']);
    expect(complete(script, ['coffer', 'completion', 'z'])).to.deep.equal(['zsh']);
  });

  it('has every command in the scripts of all shells', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const script = await user.print(['completion', shell]);
      for (const name of ['login', 'put', 'get', 'export', 'import', 'watch']) expect(script).to.include(name);
    }
    expect(await user.run(['completion', 'csh'])).to.include({ exitCode: 2 });
  });

  it('ends as other programs do when the reader of its output has ended', async () => {
    const requests = Array.from({ length: 1_000 }, (_, index) => ({
      credential: { name: `${index}-${'x'.repeat(200)}` },
      secret: { value: 'x' },
    }));
    await server.native('POST', '/v1/workspaces/default/credentials:batchCreate', { requests });
    const script = `"$0" "$1" list --json | head -c 1 > /dev/null; echo "\${PIPESTATUS[0]}"`;
    const child = spawn('bash', ['-c', script, process.execPath, program], { env: environment() });
    const errors: string[] = [];
    const output: string[] = [];
    child.stderr.on('data', (chunk) => errors.push(String(chunk)));
    child.stdout.on('data', (chunk) => output.push(String(chunk)));
    await once(child, 'close');
    expect({ output: output.join(''), errors: errors.join('') }).to.deep.equal({ output: '141\n', errors: '' });
  });

  function putWatched() {
    return user.print(['put', 'watched'], { stdin: '1' });
  }

  function environment() {
    return { ...user.environment, HOME: user.home, PATH: process.env['PATH'], TERM: 'xterm' };
  }

  /** Watches until a change is printed, and returns it. */
  async function watchOne(options: readonly string[], change: () => Promise<unknown>) {
    const child = spawn(process.execPath, [program, 'watch', '--json', ...options], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = lines.next();
    // A watch without a token begins when the server has taken it: until then, the change is made once more.
    const printed = await untilPrinted(next, change);
    child.kill();
    await once(child, 'close');
    return JSON.parse(printed);
  }
});

/** Makes a change until something is printed. */
async function untilPrinted(next: Promise<IteratorResult<string>>, change: () => Promise<unknown>): Promise<string> {
  for (;;) {
    const changing = change().then(() => undefined);
    const result = await Promise.race([next, changing]);
    if (result === undefined) continue;
    await changing;
    return String(result.value);
  }
}

/** What bash offers for the last of some words. */
function complete(script: string, words: readonly string[]): readonly string[] {
  const call = `${script}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _coffer; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = spawnSync('bash', ['-c', call, 'bash', ...words], { encoding: 'utf8' });
  return stdout.trim().split('\n');
}
