import { Session } from 'node:inspector/promises';
import { takeCoverage } from 'node:v8';

const everyBlock = { callCount: true, detailed: true };

/**
 * Suspends the collection of coverage while the suite around this call runs. Its counters double the processor time of hot code,
 * which a suite with many requests pays for, and one that measures processor time would measure. Elsewhere the code stays covered.
 */
export function suspendCoverage(): void {
  if (process.env['NODE_V8_COVERAGE'] === undefined) return;
  const session = new Session();

  // The mode is one of the whole process, so that what this session ends is what Node began.
  before(async () => {
    takeCoverage();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', everyBlock);
    await session.post('Profiler.stopPreciseCoverage');
  });

  // It stays connected, since a session that disconnects ends its mode.
  after(() => session.post('Profiler.startPreciseCoverage', everyBlock));
}
