#!/usr/bin/env node
// Plain JavaScript that any Node can read. Coffer needs Node 24: where this is an older one, the Node that npm brought takes
// over; where there is none either, it says what to do instead of failing oddly.
import { ignoreSigusr1 } from './ignore-sigusr1.mjs';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';

ignoreSigusr1();

const least = 24;
const [major] = process.versions.node.split('.');
const parameters = process.argv.slice(2);
const bundled = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
// What V8 has compiled is kept beside the packages, which whoever can write there could change as well; where nobody can,
// nothing is kept. @see https://nodejs.org/api/module.html#module-compile-cache
const compiled = fileURLToPath(new URL('../node_modules/.cache/coffer', import.meta.url));
// The signal would open Node's inspector before the listener above is there. A vault's garbage is short-lived: a young
// generation larger than this only makes the process larger.
const flags = ['--disable-sigusr1', '--max-semi-space-size=8'];
// One of glibc's arenas a thread would each keep what was freed in it. @see mallopt(3)
const environment = { MALLOC_ARENA_MAX: '2', ...process.env };

if (Number(major) >= least) {
  // By default V8 lets the heap grow to about four times what is alive in it, and a process keeps the memory that it once had.
  // The flag is read at each collection.
  v8.setFlagsFromString('--heap-growing-percent=80');
  module.enableCompileCache(compiled);
  const { run } = await import('../src/main.ts');
  process.exitCode = await run(parameters);
} else if (existsSync(bundled)) {
  const child = spawn(bundled, [...flags, fileURLToPath(import.meta.url), ...parameters], {
    env: environment,
    // When this process is killed, the channel closes, and the server stops as for a signal.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  // A terminal signals both processes, a supervisor only this one: the server counts repetitions as one request.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
} else {
  process.stderr.write(
    `Coffer runs on Node ${least} or newer, and this is Node ${process.versions.node}. npm brings the right one with the ` +
      'package "node", but its install script was skipped: run "npm rebuild node".\n',
  );
  process.exitCode = 1;
}
