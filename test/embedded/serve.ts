// A process of its own that runs an embedded PostgreSQL: `node serve.ts <data directory>`. It reports in lines of JSON on
// standard output, stops when standard input ends, and can be killed, signalled and run as another user.
import { startEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';
import { EmbeddedPostgresError } from '../../src/embedded/errors.ts';

const report = (event: Readonly<Record<string, unknown>>): boolean =>
  process.stdout.write(`${JSON.stringify(event)}\n`);
const ignore = (): void => undefined;

// What a terminal's Ctrl-C sends to everyone in the foreground.
process.on('SIGINT', () => report({ event: 'interrupted' }));
try {
  const postgres = await startEmbeddedPostgres({
    dataDir: process.argv[2] ?? '',
    log: { info: ignore, warn: (_fields, message) => report({ event: 'warned', message }), error: ignore },
    // Enough for the session of a killed process to end.
    lockTimeoutMs: 750,
    onLost: ({ code }) => report({ event: 'lost', code }),
  });
  report({ event: 'ready', connection: postgres.connection });
  process.stdin.resume().once('end', () => {
    void postgres.stop().then(() => report({ event: 'stopped' }));
  });
} catch (error) {
  if (!(error instanceof EmbeddedPostgresError)) throw error;
  report({ event: 'refused', code: error.code, message: error.message });
}
