import type { Pool } from 'pg';
import type { StoreLog } from '../connect/store-log.ts';

/** How often a pool that was shrunk may open one more connection. */
const growEveryMs = 2_000;
/** How often the log reports it. */
const reportEveryMs = 60_000;

/**
 * Keeps a pool to the connections that the server allows, where these are fewer than it would like: calls then share those
 * that are open. It grows again by one connection at a time.
 */
export class PoolSize {
  readonly #pool: Pool;
  readonly #wanted: number;
  readonly #log: StoreLog;
  #growing: NodeJS.Timeout | undefined;
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  constructor(pool: Pool, wanted: number, log: StoreLog) {
    this.#pool = pool;
    this.#wanted = wanted;
    this.#log = log;
  }

  /**
   * To be called when the server has refused one more connection.
   *
   * @returns false where none is open, for which a call could wait
   */
  shrink(): boolean {
    const { options, totalCount } = this.#pool;
    if (totalCount === 0) return false;
    options.max = Math.min(options.max, totalCount);
    this.#report(options.max);
    this.#growing ??= setInterval(() => this.#grow(), growEveryMs).unref();
    return true;
  }

  #grow(): void {
    const { options } = this.#pool;
    options.max = Math.min(options.max + 1, this.#wanted);
    if (options.max === this.#wanted || this.#pool.ending) this.close();
  }

  close(): void {
    clearInterval(this.#growing);
    this.#growing = undefined;
  }

  #report(open: number): void {
    const nowMs = performance.now();
    if (nowMs < this.#reportedAtMs + reportEveryMs) return;
    this.#reportedAtMs = nowMs;
    this.#log.warn(
      { open, wanted: this.#wanted },
      'too many connections to the database: calls share those that are open',
    );
  }
}
