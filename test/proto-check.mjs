// Holds the protos and gen/ to what the project promises: lint, no breaking change against main, generated code fresh.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const scratch = mkdtempSync(join(tmpdir(), 'coffer-proto-'));
try {
  run('buf', ['lint']);
  checkBreaking();
  checkFresh();
} finally {
  rmSync(scratch, { recursive: true });
}

function checkBreaking() {
  const base = ['origin/main', 'main'].find(
    (ref) => spawnSync('git', ['rev-parse', '--verify', '-q', ref]).status === 0,
  );
  const hasProto = base && spawnSync('git', ['cat-file', '-e', `${base}:proto/coffer/v1`]).status === 0;
  if (!hasProto) return;
  run('buf', ['breaking', 'proto', '--against', `.git#ref=${base},subdir=proto`]);
}

function checkFresh() {
  const fresh = join(scratch, 'gen');
  cpSync('gen', fresh, { recursive: true });
  run('buf', ['generate', '-o', scratch]);
  run('git', ['diff', '--no-index', '--stat', 'gen', fresh], 'gen/ is stale: run "npm run generate"');
}

function run(command, parameters, complaint = `${command} ${parameters[0]} failed`) {
  try {
    execFileSync(command, parameters, { stdio: 'inherit' });
  } catch {
    process.stderr.write(`${complaint}\n`);
    process.exit(1);
  }
}
