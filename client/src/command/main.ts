import { homedir } from 'node:os';
import { exitCodes } from './errors/exit-codes.ts';
import { run } from './program.ts';

// The reader of a pipe has seen enough, as `head` has.
process.stdout.on('error', (error) => {
  if (!('code' in error) || error.code !== 'EPIPE') throw error;
  process.exit(exitCodes.brokenPipe);
});

process.exitCode = await run(process.argv.slice(2), {
  environment: process.env,
  platform: process.platform,
  home: homedir(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
});
