import type { Client } from 'pg';
import { errorCodeOf } from './embedded-error.ts';

// "coffer" in ASCII: any number would do, as long as it never changes.
const lockKey = 0x636f66666572;
// A killed Coffer's session ends within milliseconds, but not at once.
const lockTimeoutMs = 3_000;
const lockNotAvailable = '55P03';

/**
 * Takes the lock that makes a Coffer the only one on its data directory. It lasts as long as the session does, so a
 * kill -9 releases it. Advisory locks count within one database: always ask in `postgres`.
 * @returns whether it was granted within 3 s
 */
export async function takeDataDirectoryLock(session: Client): Promise<boolean> {
  try {
    await session.query(`set lock_timeout = ${lockTimeoutMs}`);
    await session.query('select pg_advisory_lock($1::bigint)', [lockKey]);
    return true;
  } catch (error) {
    if (errorCodeOf(error) === lockNotAvailable) return false;
    throw error;
  }
}
