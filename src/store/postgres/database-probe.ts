import type { Database, DatabaseOptions } from './database.ts';
import { outageReasonOf, type OutageReason } from './database-health.ts';
import type { DedicatedSession } from './sessions/dedicated-session.ts';
import { SilentConnectionError } from './connect/silence-watch.ts';
import type { Statement } from './statements/statement.ts';

/** The dependencies of a probe. */
export interface DatabaseProbeParts {
  /** A session that only the probe uses. */
  readonly session: Pick<DedicatedSession, 'run' | 'renew'>;
  /** The role for writing. */
  readonly role: DatabaseOptions['role'];
  readonly database: Database;
}

/** The size of a probe's write: a small row, or a row that needs a new page. */
export type ProbeWrite = 'row' | 'page';

const answerWithinMs = 2_000;
/** The statement timeout of a write that waits for a lock, so that it ends before the session is closed. */
const writeWithinMs = 1_500;

const readState: Statement = {
  name: '',
  text: `select pg_is_in_recovery() or current_setting('transaction_read_only')::bool as "isReadOnly"`,
  values: [],
};

/**
 * Checks in bounded time whether the database serves, over a dedicated session.
 *
 * A write inserts an audit event, as every reveal does, and is rolled back: it needs the same rights, locks and space, and leaves
 * only a dead row.
 */
export class DatabaseProbe {
  readonly #parts: DatabaseProbeParts;

  constructor(parts: DatabaseProbeParts) {
    this.#parts = parts;
  }

  /** @returns the reason why the database does not serve; undefined if it does */
  async check(write: ProbeWrite | undefined): Promise<OutageReason | undefined> {
    const { database, session } = this.#parts;
    const startedAtMs = performance.now();
    try {
      const [state] = await session.run({ text: readState.text }, answerWithinMs);
      if (state?.['isReadOnly'] !== false) return this.#replaceSessions();
      if (write) await session.run({ text: this.#rolledBack(write) }, answerWithinMs);
      return undefined;
    } catch (error) {
      const outage = outageReasonOf(error);
      if (isSilent(error)) database.closeIdleSince(startedAtMs);
      return outage === 'too_many_connections' ? this.#checkOverPool() : outage;
    }
  }

  /** Makes all sessions search for the server again, since another one may have become the primary. */
  #replaceSessions(): OutageReason {
    this.#parts.session.renew();
    this.#parts.database.replaceSessions();
    return 'read_only';
  }

  /**
   * If there is no connection for the probe, those of the pool may still serve calls. Where the pool has none either, it waits for
   * one until the time is over, for the reason that the server gave the probe.
   */
  async #checkOverPool(): Promise<OutageReason | undefined> {
    const signal = AbortSignal.timeout(answerWithinMs);
    try {
      const [state] = await this.#parts.database.query<{ isReadOnly: boolean }>(readState, signal);
      return state?.isReadOnly === false ? undefined : 'read_only';
    } catch (error) {
      return signal.aborted ? 'too_many_connections' : outageReasonOf(error);
    }
  }

  #rolledBack(write: ProbeWrite): string {
    const { role } = this.#parts;
    return [
      'begin',
      `set local statement_timeout = ${writeWithinMs}`,
      ...(role === null ? [] : [`set local role ${role}`]),
      insertEvent(write),
      'rollback',
    ].join('; ');
  }
}

function isSilent(error: unknown): boolean {
  return error instanceof Error && (error instanceof SilentConnectionError || isSilent(error.cause));
}

/** Random digits, which do not compress, to fill most of a page. */
const filling = `(select string_agg(md5(random()::text), '') from generate_series(1, 200))`;

function insertEvent(write: ProbeWrite): string {
  return `
    insert into audit_event (
      stream, seq, prev, mac, id, time, actor_kind, actor_name, authentication, action, resource_kind, outcome, protocol,
      dialect, peer, request_id, count
    )
    values (
      gen_random_uuid(), 1, '', '', gen_random_uuid(), now(), 'system', 'probe', 'local', 'probe', 'probe', 'OK', 'none',
      'coffer', ${write === 'page' ? filling : `''`}, '', 1
    )`;
}
