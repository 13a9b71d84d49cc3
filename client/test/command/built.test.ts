import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { startCoffer, type TestCoffer } from '../../../test/support/coffer.ts';
import { version } from '../../src/version.ts';
import { CommandUser } from '../support/run-command.ts';

const client = resolve(import.meta.dirname, '../..');
const vite = join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin/vite.js');
const execute = promisify(execFile);

// Built elsewhere than in dist/, which other tests may be using.
describe('the command as it is published', () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-built-'));
  const program = join(folder, 'command/main.js');
  let server: TestCoffer;
  let user: CommandUser;

  before(async () => {
    await execute(process.execPath, [vite, 'build', '--logLevel', 'error', '--outDir', dirname(program)], {
      cwd: client,
    });
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    server = await startCoffer();
    user = new CommandUser({ COFFER_URL: server.origin, COFFER_TOKEN: server.adminToken });
  });
  after(async () => {
    user[Symbol.dispose]();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('begins with the line by which a shell starts it', () => {
    expect(readFileSync(program, 'utf8')).to.match(/^#!\/usr\/bin\/env node\n/);
  });

  it('prints its version and its help, and the help of each command', async () => {
    expect(await coffer(['--version'])).to.equal(`${version}\n`);
    const help = await coffer(['--help']);
    const names = [...help.matchAll(/^ {2}(?!help )([a-z]+) {2,}/gm)].map(([, name = '']) => name);
    expect(names).to.include.members(['login', 'put', 'get', 'list', 'export', 'import', 'watch', 'completion']);
    await Promise.all(
      names.map(async (name) => expect(await coffer([name, '--help']), name).to.include(`Usage: coffer ${name}`)),
    );
  });

  it('lists and reveals what a server keeps', async () => {
    await user.print(['put', 'built'], { stdin: 'canary' });
    expect(await coffer(['list'])).to.include('built');
    expect(await coffer(['get', 'built'])).to.equal('canary');
  });

  it('imports nothing that is not part of Node, of itself, or optional', () => {
    const files = readdirSync(dirname(program)).filter((name) => name.endsWith('.js'));
    const imported = files.flatMap((name) => {
      const text = readFileSync(join(dirname(program), name), 'utf8');
      return [...text.matchAll(/\b(?:from|import)\s*\(?\s*["'`]([@a-z][\w@/.:-]*)["'`]/g)].map(([, path = '']) => path);
    });
    const foreign = imported.filter((path) => !path.startsWith('node:'));
    expect([...new Set(foreign)]).to.deep.equal(['@napi-rs/keyring']);
  });

  async function coffer(parameters: readonly string[]): Promise<string> {
    const env = { ...user.environment, HOME: user.home, PATH: process.env['PATH'] };
    return (await execute(process.execPath, [program, ...parameters], { env })).stdout;
  }
});
