import { expect } from 'chai';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCoffer, type TestCoffer } from '../../../test/support/coffer.ts';
import type { Environment } from '../../src/environment.ts';
import { runCommandLine } from '../support/child-command.ts';
import { CommandUser } from '../support/run-command.ts';

describe('coffer run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-run-'));
  let server: TestCoffer;
  let settings: Environment;

  before(async () => {
    server = await startCoffer();
    settings = { HOME: folder, COFFER_URL: server.origin, COFFER_TOKEN: server.adminToken };
    using user = new CommandUser(settings);
    await user.print(['put', 'openai-prod'], { stdin: '{"api_key":"sk-1","port":5432,"note":"a\\nb \'\\"$x"}' });
    await user.print(['put', 'a/b ü', 'k?y'], { stdin: 'odd' });
    await user.print(['put', 'loads-code', 'LD_PRELOAD', '--label', 'kind=code'], { stdin: '/tmp/x.so' });
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  function run(parameters: readonly string[], environment: Environment = {}) {
    return runCommandLine(['run', ...parameters], { environment: { ...settings, ...environment } });
  }

  /** The value of a variable in the program; fails unless the program has run. */
  async function valueOf(variable: string, parameters: readonly string[], environment: Environment = {}) {
    const print = `process.stdout.write(String(process.env[${JSON.stringify(variable)}]))`;
    const { exitCode, stdout, stderr } = await run([...parameters, '--', process.execPath, '-e', print], environment);
    expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: '' });
    return stdout;
  }

  function writeFile(name: string, text: string, mode = 0o600): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  }

  describe('sets variables', () => {
    it('from references in the environment, exactly as they are stored', async () => {
      expect(await valueOf('A', [], { A: 'coffer://default/openai-prod/api_key' })).to.equal('sk-1');
      expect(await valueOf('A', [], { A: 'coffer://default/openai-prod/note' })).to.equal('a\nb \'"$x');
      expect(await valueOf('A', [], { A: 'coffer://default/openai-prod/port' })).to.equal('5432');
      expect(await valueOf('A', [], { A: 'coffer://default/a%2Fb%20%C3%BC/k%3Fy' })).to.equal('odd');
    });

    it('from references to a workspace by its ids', async () => {
      for (const workspace of [server.defaultWorkspaceId, server.defaultWorkspaceShortId]) {
        expect(await valueOf('A', [], { A: `coffer://${workspace}/openai-prod/api_key` })).to.equal('sk-1');
      }
    });

    it('from env files, of which a later one wins, beside variables without a secret', async () => {
      const first = writeFile('first.env', 'A=coffer://default/openai-prod/api_key\nB="plain $A"\nC=1\n');
      const second = writeFile('second.env', 'C=2\n');
      const files = ['--env-file', first, '--env-file', second];
      expect(await valueOf('A', files)).to.equal('sk-1');
      expect(await valueOf('B', files)).to.equal('plain $A');
      expect(await valueOf('C', files)).to.equal('2');
    });

    it('from all fields of what a filter selects', async () => {
      expect(await valueOf('API_KEY', ['--all-of', 'name = "openai-prod"'])).to.equal('sk-1');
    });

    it('over the environment, unless that is preserved', async () => {
      const file = writeFile('over.env', 'A=file\n');
      expect(await valueOf('A', ['--env-file', file], { A: 'inherited' })).to.equal('file');
      expect(await valueOf('A', ['--env-file', file, '--preserve-env'], { A: 'inherited' })).to.equal('inherited');
      const all = ['--all-of', 'name = "openai-prod"'];
      expect(await valueOf('API_KEY', all, { API_KEY: 'inherited' })).to.equal('sk-1');
      expect(await valueOf('API_KEY', [...all, '--preserve-env'], { API_KEY: 'inherited' })).to.equal('inherited');
    });

    it('of the names of --only, and no others', async () => {
      const references = { A: 'coffer://default/openai-prod/api_key', B: 'coffer://default/absent/x' };
      expect(await valueOf('A', ['--only', 'A'], references)).to.equal('sk-1');
      expect(await run(['--only', 'NONE', '--', 'true'])).to.include({ exitCode: 2 });
    });

    it('but not the token, unless it is kept', async () => {
      expect(await valueOf('COFFER_TOKEN', [])).to.equal('undefined');
      expect(await valueOf('COFFER_TOKEN', ['--keep-token'])).to.equal(server.adminToken);
    });
  });

  describe('does not start the program', () => {
    const reference = 'coffer://default/openai-prod/api_key';

    it('where a secret or a field is missing, and names all that are', async () => {
      const missing = { A: 'coffer://default/absent/x', B: 'coffer://default/openai-prod/absent', C: reference };
      const { exitCode, stdout, stderr } = await run(['--', 'echo', 'started'], missing);
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 3, stdout: '' });
      expect(stderr).to.include(missing.A).and.include(missing.B).and.not.include(reference);
      expect(await run(['--all-of', 'name = "absent"', '--', 'true'])).to.include({ exitCode: 3 });
    });

    it('where a variable decides which code is loaded, without a flag', async () => {
      for (const name of ['PATH', 'LD_PRELOAD', 'LD_LIBRARY_PATH', 'DYLD_INSERT_LIBRARIES', 'NODE_OPTIONS']) {
        const file = writeFile('reserved.env', `${name}=/tmp\n`);
        const refused = await run(['--env-file', file, '--', 'true']);
        expect(refused, name).to.include({ exitCode: 2, stdout: '' });
        expect(refused.stderr).to.include(name);
      }
      expect(await run(['--', 'true'], { LD_PRELOAD: reference })).to.include({ exitCode: 2 });
      expect(await run(['--all-of', 'labels.kind = "code"', '--', 'true'])).to.include({ exitCode: 2 });
      const file = writeFile('allowed.env', 'LD_COFFER_TEST=1\n');
      expect(await valueOf('LD_COFFER_TEST', ['--allow-reserved', '--env-file', file])).to.equal('1');
    });

    it('where a reference, a file or the command line is wrong', async () => {
      for (const wrong of ['coffer://', 'coffer://default/a', 'coffer://default/a/b/c', 'coffer://a/b/%zz']) {
        const { exitCode, stderr } = await run(['--', 'true'], { A: wrong });
        expect(exitCode, wrong).to.equal(2);
        expect(stderr).to.include('A: ');
      }
      for (const path of [folder, join(folder, 'absent')]) {
        const { exitCode, stdout } = await run(['--env-file', path, '--', 'echo', 'started']);
        expect({ stdout, hasFailed: exitCode !== 0 }).to.deep.equal({ stdout: '', hasFailed: true });
      }
      expect(await run([])).to.include({ exitCode: 2 });
      expect(await run(['--unknown', '--', 'true'])).to.include({ exitCode: 2 });
    });

    it('without a login, without a right, and without a server', async () => {
      expect(await run(['--', 'true'], { COFFER_TOKEN: '', A: reference })).to.include({ exitCode: 4 });
      expect(await run(['--', 'true'], { COFFER_TOKEN: 'wrong', A: reference })).to.include({ exitCode: 4 });
      const scoped = await server.issueKey({ role: 'VIEWER', tags: ['others'] });
      expect(await run(['--', 'true'], { COFFER_TOKEN: scoped, A: reference })).to.include({ exitCode: 4 });
      expect(await run(['--', 'true'], { COFFER_URL: 'http://127.0.0.1:1', A: reference })).to.include({ exitCode: 5 });
    });
  });

  it('needs no server for a program without secrets', async () => {
    expect(await run(['--', 'true'], { COFFER_URL: 'http://127.0.0.1:1', COFFER_TOKEN: '' })).to.include({
      exitCode: 0,
    });
  });

  it('passes the parameters of the program on, also those that look like its own', async () => {
    const { stdout } = await run(['--', 'printf', '%s|', '--only', '-h', '--', 'a b', '']);
    expect(stdout).to.equal('--only|-h|--|a b||');
    expect(await run(['printf', '%s|', '--json', '--help'])).to.include({ stdout: '--json|--help|' });
  });

  it('ends with the codes of shells where the program cannot be executed', async () => {
    const plain = writeFile('plain', 'text');
    const noInterpreter = writeFile('no-interpreter', '#!/absent/interpreter\n', 0o700);
    const notAProgram = writeFile('not-a-program', '\0\x01\x02', 0o700);
    expect(await run(['--', 'no-such-program'])).to.include({ exitCode: 127 });
    expect(await run(['--', join(folder, 'absent')])).to.include({ exitCode: 127 });
    expect(await run(['--', noInterpreter])).to.include({ exitCode: 127 });
    expect(await run(['--', plain])).to.include({ exitCode: 126 });
    expect(await run(['--', folder])).to.include({ exitCode: 126 });
    expect(await run(['--', notAProgram])).to.include({ exitCode: 126 });
  });

  it('executes scripts with and without an interpreter', async () => {
    const script = writeFile('script', '#!/bin/sh\necho "$1"\n', 0o700);
    const bare = writeFile('bare', 'echo "$1"\n', 0o700);
    expect(await run(['--', script, 'one'])).to.include({ exitCode: 0, stdout: 'one\n' });
    expect(await run(['--', bare, 'two'])).to.include({ exitCode: 0, stdout: 'two\n' });
  });
});
