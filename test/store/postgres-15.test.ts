import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { requireProgram } from '../support/optional-program.ts';

const folder = '/usr/lib/postgresql/15/bin';
const root = resolve(import.meta.dirname, '../..');

/** The tests that hold what is said to the database against it: its schema, its statements, and their plans. */
const files = [
  'test/system/statements.test.ts',
  'test/store/{row-level-security,schema}.test.ts',
  'test/store/{postgres,schema}/**/*.test.ts',
  'test/store/**/*-plans.test.ts',
];

describe('PostgreSQL 15', () => {
  it('answers all statements as the embedded version does, by the same plans', async function () {
    this.timeout(180_000);
    requireProgram(this, join(folder, 'postgres'));
    const { output, exitCode } = await runMocha(files);
    expect(exitCode, output).to.equal(0);
    expect(output).to.match(/\d+ passing/);
  });
});

/** A process of its own, since all tests of one share their server. */
async function runMocha(specs: readonly string[]): Promise<{ readonly output: string; readonly exitCode: unknown }> {
  const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
  const child = spawn(process.execPath, [mocha, '--reporter', 'dot', ...specs], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TEST_POSTGRES_PROGRAMS: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [exitCode] = await once(child, 'close');
  return { output: Buffer.concat(chunks).toString(), exitCode };
}
