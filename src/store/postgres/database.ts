import { MikroORM, type EntityName } from '@mikro-orm/postgresql';
import assert from 'node:assert/strict';
import { Client, type ClientBase } from 'pg';
import { PreparedStatements } from './statements/batch.ts';
import type { DatabaseConnection } from './connect/database-connection.ts';
import { constraintOf, DatabaseFailure, isCollision, translateFailure } from './connect/database-failure.ts';
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

/** What a database is opened with. */
export interface DatabaseOptions {
  readonly connection: DatabaseConnection;
  /** The most connections at a time; one more cancels statements. */
  readonly poolMax: number;
  /** What every connection becomes; null stays the user of the connection. See `withMigratedDatabase`. */
  readonly role: 'coffer_app' | null;
  readonly log: StoreLog;
}

/** What a database is made of. */
export interface DatabaseParts {
  readonly orm: MikroORM;
  readonly source: SessionSource;
  /** Cancels what the pool's connections run, and so is of the same user. */
  readonly cancelling: DedicatedSession;
  readonly log: StoreLog;
  readonly health: DatabaseHealth;
}

/** How many connections a pool has, and how many calls wait for one. */
export interface Connections {
  readonly total: number;
  /** Those of the total that nobody uses. */
  readonly idle: number;
  readonly waiting: number;
}

/** How often the log tells that the database is away. */
const warnEveryMs = 1_000;
/** How long closing waits for connections to be ended in good order. */
const endWithinMs = 500;

/**
 * The database: entities for finding, statements for what is found often, and transactions for writing, over one pool.
 * What they throw is translated: VaultError `unavailable` where the database can't be reached or gave up, `canceled`
 * where the signal was aborted, and a `DatabaseFailure`, which is a bug, for what else the database refused.
 */
export class Database {
  /** What was found out about the database by using it. */
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

  /** The same connections under the limits of work that takes its time, such as verification, export and pruning. */
  forLongWork(): Database {
    return this.#withLimits(longWorkLimits);
  }

  /** Finds entities, of tenant tables those of the scope's workspaces alone. */
  async find<Entity extends object>(
    scope: TransactionScope,
    entity: EntityName<Entity>,
    criteria: EntityCriteria<Entity>,
  ): Promise<readonly Entity[]> {
    const statement = this.#source.entities.select(entity, criteria);
    if (!scope.workspaces) return this.query<Entity>(statement, scope.signal);
    return this.transact(scope, (transaction) => transaction.run<Entity>(statement));
  }

  /** Runs one statement on the tables that are not a tenant's. */
  async query<Row extends object>(statement: Statement, signal?: AbortSignal): Promise<readonly Row[]> {
    return this.#translated(signal, () => runOutsideTransaction<Row>(this.#source, statement, signal));
  }

  /**
   * Reads rows of some workspaces' tables in one round trip.
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
   * Runs work in one transaction, and once more where it collided with another one.
   *
   * @param work perhaps runs twice; nothing of the first time is kept
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

  /** As `transact`, but once only, and with errors as pg and `inTransaction` throw them: for those who know what they mean. */
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

  /** What the pool's connections are doing. */
  connections(): Connections {
    const { totalCount: total, idleCount: idle, waitingCount: waiting } = this.#source.pool;
    return { total, idle, waiting };
  }

  /** Waits for what is under way, then closes all connections. */
  async close(): Promise<void> {
    const { pool, size, watch } = this.#source;
    size.close();
    await this.#orm.close();
    // The ORM ends only a pool that it has used itself.
    if (!pool.ending) await pool.end();
    // The pool does not wait for connections to be closed, and over a silent one they never would be.
    await watch.ended(endWithinMs);
    watch.cut();
    await this.#parts.cancelling[Symbol.asyncDispose]();
  }

  /** Closes idle connections over which nothing has come since a time of `performance.now()`: they may be silent as well. */
  closeIdleSince(sinceMs: number): void {
    this.#source.watch.closeIdleSince(sinceMs);
  }

  /** Has new sessions take the place of all, which look for their server anew. */
  replaceSessions(): void {
    this.#source.replaceSessions();
  }

  /** Closes all connections at once, which fails what is under way and all that is yet to come. */
  cut(): void {
    this.#source.watch.cut();
  }

  #withLimits(limits: TimeLimits): Database {
    return new Database({ ...this.#parts, source: { ...this.#source, limits } });
  }

  /** Callers are told no cause, so that an operator must find it here. */
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

/** Whether a write failed for a reason that other writes fail for as well: neither its own content nor its caller's leaving. */
function isOutage(failure: unknown, error: unknown): boolean {
  const isOfDatabase =
    failure instanceof DatabaseFailure || (failure instanceof VaultError && failure.code === 'unavailable');
  return isOfDatabase && !isCollision(error) && constraintOf(error) === undefined;
}

/** Opens a database that has been migrated. It connects when it is first used. */
export async function openDatabase({ connection, log, poolMax, role }: DatabaseOptions): Promise<Database> {
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
        await configureSession(client, role);
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
