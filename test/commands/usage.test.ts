import { expect } from 'chai';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { usages } from '../../src/commands/usage.ts';
import { runCoffer } from '../support/coffer-process.ts';

const root = resolve(import.meta.dirname, '../..');

/** What a command line may be asked for without any code of the server. */
const light =
  /^(?:bin\/|src\/(?:main|commands\/usage(?:-error)?|vault\/json|start\/(?:exposed-inspector|product-version|stop-requests))\.)/;

describe('the command line', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'coffer-usage-'));
  });

  afterEach(() => rm(folder, { recursive: true }));

  for (const parameters of [['--version'], ['version']]) {
    it(`prints the version of the package for ${parameters.join(' ')}`, async () => {
      const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
      expect(await runCoffer(parameters)).to.deep.equal({ exitCode: 0, output: `coffer ${version}\n` });
    });
  }

  it('lists every command, and describes each by --help and by help', async () => {
    const { exitCode, output } = await runCoffer(['--help']);
    expect(exitCode).to.equal(0);
    for (const name of Object.keys(usages)) expect(output).to.match(new RegExp(`^ {2}${name} `, 'm'));
    expect(await runCoffer(['help'])).to.deep.equal({ exitCode, output });
    for (const [name, { lines, summary }] of Object.entries(usages)) {
      if (name === 'help') continue;
      const described = await runCoffer([name, '--help']);
      expect(described.exitCode, name).to.equal(0);
      for (const text of [...lines, summary]) expect(described.output, name).to.include(text);
      expect(described.output.split('\n').every((line) => line.length <= 120)).to.equal(true);
    }
    expect(await runCoffer(['help', 'audit-prune'])).to.deep.equal(await runCoffer(['audit-prune', '-h']));
  });

  it('describes a command beside options that it would refuse, and does nothing else', async () => {
    const dataDir = join(folder, 'data');
    const environment = { COFFER_DATA_DIR: dataDir, COFFER_PORT: 'none' };
    const { exitCode, output } = await runCoffer(['audit-prune', '--before', 'soon', '--help'], environment);
    expect([exitCode, output.split('\n', 1)]).to.deep.equal([0, [`usage: coffer ${usages['audit-prune'].lines[0]}`]]);
    expect((await runCoffer(['start', '--help'], environment)).exitCode).to.equal(0);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('shows how the command is used that was given wrong options, and all commands for an unknown one', async () => {
    const wrong = await runCoffer(['admin-key', '--loud']);
    expect(wrong.exitCode).to.equal(2);
    expect(wrong.output).to.match(/^coffer: .*--loud.*\n\nusage: coffer admin-key \[--out FILE/);
    const unknown = await runCoffer(['help', 'explode']);
    expect(unknown.output).to.match(/^coffer: there is no command explode\n\nusage: coffer/);
    expect(unknown.exitCode).to.equal(2);
  });

  for (const parameters of [['--version'], ['--help'], ['audit-prune', '--help']]) {
    it(`loads no code of the server for ${parameters.join(' ')}`, async () => {
      expect((await runCoffer(parameters, { NODE_V8_COVERAGE: folder })).exitCode).to.equal(0);
      const loaded = await scriptsIn(folder);
      expect(loaded).to.include('src/main.ts');
      expect(loaded.filter((file) => !light.test(file))).to.deep.equal([]);
    });
  }
});

/** The files that a process loaded, by the coverage that V8 keeps of each. */
async function scriptsIn(folder: string): Promise<string[]> {
  const [file = ''] = await readdir(folder);
  const { result } = JSON.parse(await readFile(join(folder, file), 'utf8'));
  const urls: string[] = result.map(({ url }: { readonly url: string }) => url);
  return urls.filter((url) => url.startsWith('file:')).map((url) => relative(root, fileURLToPath(url)));
}
