#!/usr/bin/env node
// Plain JavaScript that any Node can read. Coffer needs Node 24: where this is an older one, the Node that npm brought takes
// over; where there is none either, it says what to do instead of failing oddly.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const least = 24;
const [major] = process.versions.node.split('.');
const parameters = process.argv.slice(2);
const bundled = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));

if (Number(major) >= least) {
  const { run } = await import('../src/main.ts');
  process.exitCode = await run(parameters);
} else if (existsSync(bundled)) {
  const child = spawn(bundled, [fileURLToPath(import.meta.url), ...parameters], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both; a supervisor's SIGTERM comes to this one alone.
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGINT', () => undefined);
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
  });
} else {
  process.stderr.write(
    `Coffer runs on Node ${least} or newer, and this is Node ${process.versions.node}. npm brings the right one with the ` +
      'package "node", but its install script was skipped: run "npm rebuild node".\n',
  );
  process.exitCode = 1;
}
