import { pino } from 'pino';
import { startCoffer, type RunningCoffer } from '../coffer.ts';
import type { Config } from '../config.ts';
import { SystemClock } from '../encryption/system-clock.ts';

/** What ends a server: a signal, or a failure that it can't serve beyond. */
type End = { readonly exitCode: number };

/**
 * Log lines are written some together, in bytes, and at the latest after so many milliseconds: each write by itself wakes a
 * thread, which was a twentieth of what a create costs. What is left is written when the process exits.
 */
const linesTogether = { minLength: 4096, periodicFlush: 100 } as const;

/**
 * Serves until SIGTERM or SIGINT, then stops gracefully; a second signal ends the process at once. The address is printed
 * to the standard output, logs go to the standard error as JSON lines.
 *
 * @returns the exit code
 */
export async function start(config: Config): Promise<number> {
  const log = pino(
    { level: config.logLevel, base: null },
    pino.destination({ dest: 2, sync: false, ...linesTogether }),
  );
  const end = Promise.withResolvers<End>();
  process.once('SIGTERM', () => end.resolve({ exitCode: 0 }));
  process.once('SIGINT', () => end.resolve({ exitCode: 0 }));
  const coffer = await startCoffer(config, {
    clock: new SystemClock(),
    log,
    onLost: () => end.resolve({ exitCode: 1 }),
  });
  announce(coffer);
  const { exitCode } = await end.promise;
  process.once('SIGTERM', () => process.exit(130));
  process.once('SIGINT', () => process.exit(130));
  await coffer.stop();
  log.info({}, 'stopped');
  log.flush();
  return exitCode;
}

function announce({ origin, adminKeyFile }: RunningCoffer): void {
  if (adminKeyFile !== undefined) process.stdout.write(`the admin API key is in ${adminKeyFile}\n`);
  process.stdout.write(`listening on ${origin}\n`);
}
