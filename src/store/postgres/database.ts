import { MikroORM, type EntityName } from '@mikro-orm/postgresql';
import assert from 'node:assert/strict';
import { Client, type ClientBase } from 'pg';
import { PreparedStatements } from './statements/batch.ts';
import type { DatabaseConnection } from './connect/database-connection.ts';
import {
  constraintOf,
  DatabaseFailure,
  isCanceledStatement,
  isCollision,
  translateFailure,
} from './connect/database-failure.ts';
import { DatabaseHealth, outageReasonOf, outageReasons } from './database-health.ts';
import { EntityStatements, type EntityCriteria } from './statements/entity-query.ts';
import { VaultError } from '../../vault/errors.ts';
import { driverOptionsOf, ormOptionsOf } from './orm-options.ts';
import { DedicatedSession } from './sessions/dedicated-session.ts';
import { PoolSize } from './sessions/acquire-client.ts';
import { SessionOpener } from './connect/session-opener.ts';
import { configureSession } from './sessions/session-settings.ts';
import { SilenceWatch } from './connect/silence-watch.ts';
import { StatementCanceller } from './sessions/statement-canceller.ts';
import type { Statement } from './statements/statement.ts';
import type { StoreLog } from './connect/store-log.ts';
import { callLimits, connectWithinMs, longWorkLimits, type TimeLimits } from './connect/time-limits.ts';
import { readInOneRoundTrip, runOutsideTransaction, type SessionSource } from './sessions/session.ts';
import { inTransaction, type Transaction, type TransactionScope } from './sessions/transaction.ts';

/** The options of a database. */
export interface DatabaseOptions {
  readonly connection: DatabaseConnection;
  /** The size of the pool. One more connection cancels statements. */
  readonly poolMax: number;
  /** The role of every pool session, read when one is opened; null keeps the user of the connection. See `withMigratedDatabase`. */
  readonly role: 'coffer_app' | null;
  readonly log: StoreLog;
  /** Whether every transaction is read-only. */
  readonly isReadOnly?: boolean;
}

/** The parts of a database. */
export interface DatabaseParts {
  readonly orm: MikroORM;
  readonly source: SessionSource;
  /** Cancels statements of the pool's connections, as the same user. */
  readonly cancelling: DedicatedSession;
  readonly log: StoreLog;
  readonly health: DatabaseHealth;
}

/** The number of connections of a pool, and of the calls that wait for one. */
export interface Connections {
  readonly total: number;
  /** The unused ones of the total. */
  readonly idle: number;
  readonly waiting: number;
}

/** The shortest interval between two log lines about an outage. */
const warnEveryMs = 1_000;
/** The time for connections to close in an orderly way. */
const endWithinMs = 500;

/**
 * The database over one pool: `find` reads entities, `query` and `read` run statements, `transact` runs transactions. Errors are
 * translated: VaultError `unavailable` if the database cannot be reached or gave up, `canceled` if the signal was aborted, and a
 * `DatabaseFailure`, which is a bug, for anything else that the database refused.
 */
export class Database {
  readonly health: DatabaseHealth;
  readonly #parts: DatabaseParts;
  readonly #orm: MikroORM;
  readonly #source: SessionSource;
  readonly #log: StoreLog;
  #warnedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: DatabaseParts) {
    this.#parts = parts;
    this.health = parts.health;
    this.#orm = parts.orm;
    this.#source = parts.source;
    this.#log = parts.log;
  }

  /** The same connections with the limits of long work, such as verification, export and pruning. */
  forLongWork(): Database {
    return this.#withLimits(longWorkLimits);
  }

  /** Finds entities; in tenant tables only those of the scope's workspaces. */
  async find<Entity extends object>(
    scope: TransactionScope,
    entity: EntityName<Entity>,
    criteria: EntityCriteria<Entity>,
  ): Promise<readonly Entity[]> {
    const statement = this.#source.entities.select(entity, criteria);
    if (!scope.workspaces) return this.query<Entity>(statement, scope.signal);
    return this.transact(scope, (transaction) => transaction.run<Entity>(statement));
  }

  /** Runs one statement on tables without row-level security. */
  async query<Row extends object>(statement: Statement, signal?: AbortSignal): Promise<readonly Row[]> {
    return this.#translated(signal, () => runOutsideTransaction<Row>(this.#source, statement, signal));
  }

  /**
   * Reads rows of tenant tables in one round trip.
   *
   * @returns the rows of each statement
   */
  async read<Row extends object>(
    scope: { readonly workspaces: readonly string[]; readonly signal?: AbortSignal },
    statements: readonly Statement[],
  ): Promise<readonly (readonly Row[])[]> {
    return this.#translated(scope.signal, () => readInOneRoundTrip<Row>(this.#source, scope, statements));
  }

  /**
   * As `read`, for statements that may need long. One that exceeds its time is no outage.
   *
   * @returns undefined if a statement did not end in time
   */
  async readWithin<Row extends object>(
    statementMs: number,
    scope: { readonly workspaces: readonly string[]; readonly signal: AbortSignal },
    statements: readonly Statement[],
  ): Promise<readonly (readonly Row[])[] | undefined> {
    const source = { ...this.#source, limits: { ...this.#source.limits, statementMs } };
    return this.#translated(scope.signal, async () => {
      try {
        return await readInOneRoundTrip<Row>(source, scope, statements);
      } catch (error) {
        if (!scope.signal.aborted && isCanceledStatement(error)) return undefined;
        throw error;
      }
    });
  }

  /**
   * Runs work in one transaction, and once more if that collides with another one.
   *
   * @param work may run twice; the first run is rolled back then
   */
  async transact<Result>(
    scope: TransactionScope,
    work: (transaction: Transaction) => Promise<Result>,
  ): Promise<Result> {
    const run = () => inTransaction(this.#source, scope, work);
    return this.#translated(scope.signal, async () => {
      try {
        return await run();
      } catch (error) {
        if (!isCollision(error)) throw error;
        return run();
      }
    });
  }

  /** Like `transact`, but without a retry, and with the errors of pg and `inTransaction` unchanged. */
  async attempt<Result>(scope: TransactionScope, work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    try {
      const result = await inTransaction(this.#source, scope, work);
      this.health.wrote();
      return result;
    } catch (error) {
      const failure = translateFailure(error, scope.signal);
      if (isOutage(failure, error)) this.health.writeFailed(outageReasonOf(failure));
      this.#report(failure);
      throw error;
    }
  }

  connections(): Connections {
    const { totalCount: total, idleCount: idle, waitingCount: waiting } = this.#source.pool;
    return { total, idle, waiting };
  }

  /** Waits for running work, then closes all connections. */
  async close(): Promise<void> {
    const { pool, size, watch } = this.#source;
    size.close();
    await this.#orm.close();
    // The ORM closes the pool only if it has used it.
    if (!pool.ending) await pool.end();
    // The pool does not wait until its connections are closed, and a silent one never would be.
    await watch.ended(endWithinMs);
    watch.abort();
    await this.#parts.cancelling[Symbol.asyncDispose]();
  }

  /** Closes idle connections that have received nothing since a time of `performance.now()`, and may be silent. */
  closeIdleSince(sinceMs: number): void {
    this.#source.watch.closeIdleSince(sinceMs);
  }

  /** Replaces all sessions by new ones, which search for the server again. */
  replaceSessions(): void {
    this.#source.replaceSessions();
  }

  /** Closes all connections at once. Running and future work fails. */
  abort(): void {
    this.#source.watch.abort();
  }

  #withLimits(limits: TimeLimits): Database {
    return new Database({ ...this.#parts, source: { ...this.#source, limits } });
  }

  /** Logs the cause, which callers do not see. */
  #report(error: unknown): void {
    if (!(error instanceof VaultError) || error.code !== 'unavailable') return;
    const outage = outageReasonOf(error);
    this.health.failed(outage);
    const now = performance.now();
    if (now < this.#warnedAtMs + warnEveryMs) return;
    this.#warnedAtMs = now;
    this.#log.warn({ reason: outageReasons[outage], cause: String(error.cause) }, 'the database is not available');
  }

  async #translated<Result>(signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      const failure = translateFailure(error, signal);
      this.#report(failure);
      throw failure;
    }
  }
}

/** Whether other writes would fail for the same reason: neither the content nor a cancellation is the cause. */
function isOutage(failure: unknown, error: unknown): boolean {
  const isOfDatabase =
    failure instanceof DatabaseFailure || (failure instanceof VaultError && failure.code === 'unavailable');
  return isOfDatabase && !isCollision(error) && constraintOf(error) === undefined;
}

/** Opens a migrated database. It connects at the first use. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { connection, isReadOnly, log, poolMax } = options;
  const watch = new SilenceWatch(log);
  const opener = new SessionOpener(connection);
  const orm = await MikroORM.init({
    ...ormOptionsOf(connection, log),
    pool: { min: 0, max: poolMax },
    driverOptions: {
      ...driverOptionsOf(connection, opener),
      stream: () => watch.openSocket(),
      onConnect: async (client: ClientBase) => {
        assert(client instanceof Client, 'a pool has clients of pg');
        watch.add(client);
        watch.sent(client, connectWithinMs);
        await configureSession(client, { role: options.role, isReadOnly });
        watch.answered(client);
      },
    },
  });
  const pool = await orm.em.getConnection().getNativeClient();
  const cancelling = new DedicatedSession(connection);
  const source = {
    pool,
    size: new PoolSize(pool, poolMax, log),
    prepared: new PreparedStatements(),
    entities: new EntityStatements(orm.em.fork()),
    canceller: new StatementCanceller(cancelling),
    watch,
    limits: callLimits,
    replaceSessions: () => {
      opener.forget();
      cancelling.renew();
      watch.replaceAll();
    },
  };
  return new Database({ orm, source, cancelling, log, health: new DatabaseHealth() });
}
