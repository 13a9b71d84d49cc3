import { expect } from 'chai';
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { startCoffer, type TestCoffer } from './support/coffer.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '..');

/** Documents whose shell blocks, run one after the other in the server's folder, all succeed; those of npm are left out. */
const documents = ['README.md', 'docs/apis.md', 'docs/administration.md'];
/** What the commands use of the checkout. */
const used = ['node_modules', 'package.json', 'proto'];
const example = 'docs/examples/create.mjs';
/** Where a server listens by default. */
const printed = '127.0.0.1:3978';
// A refusal fails the script, which curl by itself passes over.
const prelude = 'set -euo pipefail\ncurl() { command curl --silent --show-error --fail-with-body "$@"; }';

const hasTools = ['bash', 'curl'].every((tool) => spawnSync(tool, ['--version']).status === 0);

describe('the commands of a document', () => {
  for (const name of documents) {
    (hasTools ? it : it.skip)(`work as printed: ${name}`, async () => {
      await using stack = new AsyncDisposableStack();
      const coffer = await startCoffer();
      stack.defer(() => coffer.stop());
      const folder = await serverFolder(coffer);
      stack.defer(() => rm(folder, { recursive: true, force: true }));
      const blocks = shellBlocks(await readFile(resolve(root, name), 'utf8'));
      expect(blocks.length).to.be.greaterThan(0);
      const script = [prelude, ...blocks].join('\n').replaceAll(printed, new URL(coffer.origin).host);
      const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` };
      const filesBefore = await readdir(folder);
      const { stdout, stderr } = await run('bash', ['-c', script], { cwd: folder, env });
      expect(stderr).to.equal('');
      expect(stdout)
        .not.to.include(coffer.adminToken)
        .and.not.to.match(/"code":"|"error":/);
      expect(await readdir(folder), 'files that the commands leave in the checkout').to.deep.equal(filesBefore);
    });
  }

  it('have the example of the README in a file', async () => {
    const readme = await readFile(resolve(root, 'README.md'), 'utf8');
    const code = await readFile(resolve(root, example), 'utf8');
    expect(readme).to.include(`\`\`\`js\n${code}\`\`\``);
    expect(code).to.include(printed);
  });
});

describe('docs/backup.md', () => {
  it('prints a copy of the data directory without its keys', async () => {
    const page = await readFile(resolve(root, 'docs/backup.md'), 'utf8');
    const command = /^tar --create .*$/m.exec(page)?.[0] ?? '';
    const parent = await mkdtemp(join(tmpdir(), 'coffer-backup-'));
    const data = join(parent, 'coffer', 'data');
    await mkdir(join(data, 'postgres'), { recursive: true });
    const keys = ['master.key', 'master.key.0123456789abcdef', 'admin.key', `.${'0'.repeat(36)}.key`];
    for (const name of [...keys, 'postgres/PG_VERSION']) await writeFile(join(data, name), '');
    await run('sh', ['-c', command], { cwd: dirname(data) });
    const { stdout } = await run('tar', ['--list', '--file', join(parent, 'coffer-data.tar')]);
    await rm(parent, { recursive: true });
    expect(stdout.trim().split('\n')).to.have.members(['data/', 'data/postgres/', 'data/postgres/PG_VERSION']);
  });
});

describe('docs/configuration.md', () => {
  it('describes each metric of a server', async () => {
    await using stack = new AsyncDisposableStack();
    const coffer = await startCoffer();
    stack.defer(() => coffer.stop());
    const text = await (await fetch(`${coffer.origin}/metrics`)).text();
    const names = Array.from(text.matchAll(/^# TYPE (\S+) /gm), ([, metric = '']) => metric);
    expect(names.length).to.be.greaterThan(9);
    const page = await readFile(resolve(root, 'docs/configuration.md'), 'utf8');
    for (const metric of names) expect(page, metric).to.match(new RegExp(`\`${metric}[\`{]`));
  });
});

function shellBlocks(text: string): readonly string[] {
  const blocks = Array.from(text.matchAll(/^```sh\n([\s\S]*?)^```$/gm), ([, block = '']) => block);
  return blocks.filter((block) => !block.startsWith('npm '));
}

async function serverFolder(coffer: TestCoffer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-documents-'));
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'data', 'admin.key'), `${coffer.adminToken}\n`, { mode: 0o600 });
  await mkdir(join(folder, dirname(example)), { recursive: true });
  const code = await readFile(resolve(root, example), 'utf8');
  await writeFile(join(folder, example), code.replace(printed, new URL(coffer.origin).host));
  for (const name of used) await symlink(resolve(root, name), join(folder, name));
  return folder;
}
