import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { startCoffer, type TestCoffer } from './support/coffer.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '..');

/** Documents whose shell blocks, run one after the other in the server's folder, all succeed. */
const documents = ['docs/administration.md'];

describe('the commands of a document', () => {
  let coffer: TestCoffer;
  let folder: string;

  before(async () => {
    coffer = await startCoffer();
    folder = await mkdtemp(join(tmpdir(), 'coffer-documents-'));
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 'data', 'admin.key'), `${coffer.adminToken}\n`, { mode: 0o600 });
  });

  after(async () => {
    await coffer.stop();
    await rm(folder, { recursive: true, force: true });
  });

  for (const name of documents) {
    it(`do what they say as printed: ${name}`, async () => {
      const text = await readFile(resolve(root, name), 'utf8');
      const blocks = Array.from(text.matchAll(/^```sh\n([\s\S]*?)^```$/gm), ([, block = '']) => block);
      expect(blocks.length).to.be.greaterThan(0);
      const script = `set -euo pipefail\n${blocks.join('\n')}`.replaceAll('http://127.0.0.1:3978', coffer.origin);
      const { stdout, stderr } = await run('bash', ['-c', script], { cwd: folder });
      expect(stderr).to.equal('');
      expect(stdout)
        .not.to.include(coffer.adminToken)
        .and.not.to.match(/"code":"/);
    });
  }
});
