import { setTimeout as delay } from 'node:timers/promises';
import { VaultError } from '../../vault/errors.ts';
import { sqlStateOf } from '../postgres/connect/database-failure.ts';
import type { Database } from '../postgres/database.ts';
import { takeAdvisoryLock } from '../postgres/sessions/session-settings.ts';
import type { Statement } from '../postgres/statements/statement.ts';
import type { TrailWriter } from '../trail/trail-writer.ts';

/** How long to ask for an outcome before callers are answered that it is unknown. */
const timeoutMs = 4_000;
/** The pause between two attempts doubles from the first of these to the second. */
const pauseMsMin = 50;
const pauseMsMax = 400;

/** Finds out whether a transaction was committed whose answer was lost. @see docs/decisions/0012-group-commit.md */
export class CommitOutcomes {
  readonly #database: Database;
  readonly #trail: TrailWriter;

  constructor(database: Database, trail: TrailWriter) {
    this.#database = database;
    this.#trail = trail;
  }

  /**
   * Asks once whether the transaction in doubt was committed. If its session still has the lock, although the server should have
   * ended it by then, a new stream begins: a frozen session must not block all writes.
   *
   * @throws VaultError `unavailable` if the outcome cannot be determined
   */
  async ask(signal = AbortSignal.timeout(timeoutMs)): Promise<boolean> {
    try {
      return await this.#database.attempt({ signal }, async (transaction) => {
        const [, , isCommitted] = await Promise.all([
          transaction.run(limitLockWait),
          transaction.run(takeAdvisoryLock(this.#trail.lock)),
          this.#trail.settle(transaction),
        ]);
        return isCommitted;
      });
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      this.#trail.abandon();
      throw unknownOutcome(error);
    }
  }

  /** Asks until the outcome is known, for a few seconds. @throws VaultError `unavailable` if it stays unknown */
  async wait(): Promise<boolean> {
    const signal = AbortSignal.timeout(timeoutMs);
    for (let pauseMs = pauseMsMin; ; pauseMs = Math.min(2 * pauseMs, pauseMsMax)) {
      try {
        return await this.ask(signal);
      } catch (error) {
        if (!this.#trail.isInDoubt || signal.aborted) throw unknownOutcome(error);
        await delay(pauseMs);
      }
    }
  }
}

const limitLockWait: Statement = {
  name: 'lock within',
  text: `select set_config('lock_timeout', '1000', true)`,
  values: [],
};

/** lock_not_available */
function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && sqlStateOf(error) === '55P03';
}

function unknownOutcome(cause: unknown): VaultError {
  const message = 'the database is not available: whether it was done is not known';
  return new VaultError('unavailable', message, {}, { cause });
}
