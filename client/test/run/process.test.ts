import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProgram, commandProgram, runCommandLine, startCommand } from '../support/child-command.ts';

/** Without references, `run` makes no call: these tests are about the process alone. */
describe('the process of coffer run', () => {
  it('becomes the program: the process id stays', async () => {
    const { pid, stdout } = await runCommandLine(shell('echo $$'));
    expect(stdout).to.equal(`${pid}\n`);
  });

  it('ends with the exit code of the program', async () => {
    for (const code of [0, 1, 2, 77, 255]) {
      expect(await runCommandLine(shell(`exit ${code}`))).to.include({ exitCode: code, stderr: '' });
    }
  });

  it('ends by the signal that ends the program', async () => {
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGHUP', 'SIGPIPE', 'SIGXFSZ']) {
      const ended = await runCommandLine(shell(`kill -${signal.slice(3)} $$`));
      expect(ended).to.include({ exitCode: null, signal });
    }
  });

  it('leaves signals to the program, which can handle them', async () => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
      const script = waitFor(signal);
      const child = startCommand(shell(script));
      await child.printed('ready');
      child.process.kill(signal);
      expect(await child.ended, signal).to.include({ exitCode: 9, stdout: 'ready\nhandled\n' });
    }
  });

  it('gives the program no signal that is ignored or blocked', async () => {
    const { stdout } = await runCommandLine(['run', '--', 'grep', '-E', '^Sig(Ign|Blk)', '/proc/self/status']);
    for (const line of stdout.trim().split('\n')) expect(line).to.match(/:\s0+$/);
  });

  it('gives the program its standard input, byte for byte', async () => {
    const input = Buffer.alloc(1024 * 1024, 'line\n');
    const { stdout } = await runCommandLine(['run', '--', 'cat'], { input });
    expect(Buffer.from(stdout).equals(input)).to.equal(true);
  });

  it('loses nothing of 10 MB of output, by streams that block', async () => {
    const { exitCode, stdout, stderr } = await runCommandLine(
      shell('head -c 10000000 /dev/zero | tr "\\0" x; head -c 1000000 /dev/zero | tr "\\0" y >&2'),
    );
    expect([exitCode, stdout.length, stderr.length]).to.deep.equal([0, 10_000_000, 1_000_000]);
  });

  it('runs programs in a terminal, whose interrupt reaches the program once', async () => {
    const script = `test -t 0 && test -t 1 && test -t 2 && trap 'echo handled; exit 7' INT && echo ready; while :; do sleep 1; done`;
    const line = [process.execPath, commandProgram, 'run', '--', 'sh', '-c', script].map(quote).join(' ');
    const child = startProgram('script', ['-qec', `exec ${line}`, '/dev/null']);
    await child.printed('ready');
    child.process.stdin?.write('\x03');
    const { exitCode, stdout } = await child.ended;
    expect(exitCode).to.equal(7);
    expect(stdout.match(/handled/g)).to.have.lengthOf(1);
  });

  if (spawnSync('unshare', ['-rpf', 'true']).status === 0) {
    it('works as the first process of a namespace', async () => {
      const parameters = [process.execPath, commandProgram, 'run', '--', 'sh', '-c', 'echo $$; exit 5'];
      const child = startProgram('unshare', ['-rpf', ...parameters], { input: '' });
      expect(await child.ended).to.include({ exitCode: 5, stdout: '1\n', stderr: '' });
    });
  }

  describe('stays beside a program of which only the system knows whether it can be executed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'coffer-run-'));
    after(() => rmSync(folder, { recursive: true }));

    /** A script whose interpreter is a script, and so on, more often than is examined. */
    function nestedScript(name: string, script: string): string {
      let interpreter = '/bin/sh';
      for (let level = 0; level < 5; level++) {
        const path = join(folder, `${name}-${level}`);
        writeFileSync(path, `#!${interpreter}\n${script}\n`, { mode: 0o700 });
        interpreter = path;
      }
      return interpreter;
    }

    it('and ends with its exit code, or with 128 and the number of its signal', async () => {
      expect(await runCommandLine(['run', '--', nestedScript('exit', 'exit 33')])).to.include({ exitCode: 33 });
      const killed = await runCommandLine(['run', '--', nestedScript('kill', 'kill -TERM $$')]);
      expect(killed).to.include({ exitCode: 143, signal: null });
    });

    it('and passes signals to it', async () => {
      const script = waitFor('SIGTERM');
      const child = startCommand(['run', '--', nestedScript('signal', script)]);
      await child.printed('ready');
      child.process.kill('SIGTERM');
      expect(await child.ended).to.include({ exitCode: 9, stdout: 'ready\nhandled\n' });
    });

    it('and ends with 126 where the system refuses its environment', async () => {
      const file = join(folder, 'large.env');
      writeFileSync(file, `LARGE=${'x'.repeat(200_000)}\n`);
      expect(await runCommandLine(['run', '--env-file', file, '--', 'true'])).to.include({ exitCode: 126 });
    });
  });
});

/** A script that ends with 9 at a signal. */
function waitFor(signal: NodeJS.Signals): string {
  const handler = `kill $!; echo handled; exit 9`;
  return `trap '${handler}' ${signal.slice(3)}; sleep 60 >/dev/null 2>&1 & echo ready; wait`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function shell(script: string): readonly string[] {
  return ['run', '--', 'sh', '-c', script];
}
