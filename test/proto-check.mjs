// Holds the protos and gen/ to what the project promises: lint, no breaking change against main, generated code fresh.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const scratch = mkdtempSync(join(tmpdir(), 'coffer-proto-'));
try {
  run('buf', ['lint'], 'the protos break a rule of buf.yaml');
  checkBreaking();
  checkFresh();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true });
}

function checkBreaking() {
  const base = ['origin/main', 'main'].find(
    (ref) => spawnSync('git', ['rev-parse', '--verify', '-q', ref]).status === 0,
  );
  const hasProto = base && spawnSync('git', ['cat-file', '-e', `${base}:proto/coffer/v1`]).status === 0;
  if (!hasProto) return;
  const against = `.git#ref=${base},subdir=proto`;
  run('buf', ['breaking', 'proto', '--against', against], `the protos break callers of ${base}`);
}

function checkFresh() {
  const fresh = join(scratch, 'gen');
  cpSync('gen', fresh, { recursive: true });
  run('buf', ['generate', '-o', scratch], 'the protos can not be generated from');
  run('git', ['diff', '--no-index', '--stat', 'gen', fresh], 'gen/ is stale: run "npm run generate"');
}

function run(command, parameters, complaint) {
  const { status } = spawnSync(command, parameters, { stdio: 'inherit' });
  if (status !== 0) throw new Error(complaint);
}
