import { pino, type Logger } from 'pino';
import { startCoffer, type RunningCoffer } from '../start/coffer.ts';
import type { Config } from '../config/config.ts';
import { SystemClock } from '../vault/time.ts';
import { aborted, type StopRequests } from '../start/stop-requests.ts';

/** The exit code of an interrupted process, as shells report it: 128 plus the number of SIGINT. */
const interruptedExitCode = 130;

/**
 * Log lines are buffered up to a number of bytes or milliseconds, because each write wakes a thread, which was 5 % of the cost
 * of a create. The rest is written when the process exits.
 */
const logBuffer = { minLength: 4096, periodicFlush: 100 } as const;

/**
 * Serves until a stop is requested, then stops gracefully; another request after two seconds exits immediately. The address
 * is printed to the standard output, and log lines go to the standard error as JSON.
 *
 * @returns the exit code
 */
export async function start(config: Config, stopping: StopRequests): Promise<number> {
  const log = openLog(config);
  const lost = new AbortController();
  stopping.listen();
  // The embedded PostgreSQL subscribed earlier, so it has been signaled by then.
  void aborted(stopping.insisted).then(() => process.exit(interruptedExitCode));
  const coffer = await startCoffer(config, {
    clock: new SystemClock(),
    log,
    onLost: () => lost.abort(),
    abandon: stopping.insisted,
    signal: stopping.requested,
  }).catch((error: unknown) => {
    if (stopping.requested.aborted && error === stopping.requested.reason) return undefined;
    throw error;
  });
  if (!coffer) return finish(log, 0);
  announce(coffer);
  await aborted(AbortSignal.any([stopping.requested, lost.signal]));
  log.info({ signal: stopping.requested.reason }, 'stopping');
  await coffer.stop();
  return finish(log, lost.signal.aborted ? 1 : 0);
}

function finish(log: Logger, exitCode: number): number {
  log.info({}, 'stopped');
  log.flush();
  return exitCode;
}

/** Closing a terminal closes the standard streams, which must not end the process before it has stopped. */
function openLog(config: Config): Logger {
  const destination = pino.destination({ dest: 2, sync: false, ...logBuffer });
  destination.on('error', () => undefined);
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return pino({ level: config.logLevel, base: null }, destination);
}

function announce({ origin, adminKeyFile, isSealed, managementOrigin }: RunningCoffer): void {
  if (adminKeyFile !== undefined) process.stdout.write(`the admin API key is in ${adminKeyFile}\n`);
  if (managementOrigin !== undefined) process.stdout.write(`health and metrics are on ${managementOrigin}\n`);
  if (isSealed) process.stdout.write('the vault is sealed: give its key by POST /v1/keys:unseal\n');
  process.stdout.write(`listening on ${origin}\n`);
}
