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

/** Of the server, and of the client. */
function checkFresh() {
  for (const [folder, gen] of [
    ['.', 'gen'],
    ['client', 'src/gen'],
  ]) {
    const fresh = join(scratch, folder);
    cpSync(join(folder, gen), join(fresh, gen), { recursive: true });
    run('buf', ['generate', '-o', fresh], 'the protos cannot be generated from', folder);
    const stale = `${join(folder, gen)} is stale: run "npm run generate"`;
    run('git', ['diff', '--no-index', '--stat', gen, join(fresh, gen)], stale, folder);
  }
}

function run(command, parameters, complaint, cwd = '.') {
  const { status } = spawnSync(command, parameters, { stdio: 'inherit', cwd });
  if (status !== 0) throw new Error(complaint);
}
