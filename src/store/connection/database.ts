import { MikroORM, type EntityDictionary, type EntityManager, type EntityName } from '@mikro-orm/postgresql';
import assert from 'node:assert/strict';
import type { ClientBase, Pool, QueryResultRow } from 'pg';
import { PreparedStatements } from './batch.ts';
import type { DatabaseConnection } from './database-connection.ts';
import { isCollision, translateFailure } from './database-failure.ts';
import { selectEntities, type EntityCriteria } from './entity-query.ts';
import { VaultError } from '../../vault/errors.ts';
import { driverOptionsOf, ormOptionsOf } from './orm-options.ts';
import { KeptSession } from './kept-session.ts';
import { StatementCanceller } from './statement-canceller.ts';
import type { Statement } from './statement.ts';
import type { StoreLog } from './store-log.ts';
import {
  inTransaction,
  readTogether,
  runAlone,
  selectAlone,
  type SessionSource,
  type Transaction,
  type TransactionScope,
} from './transaction.ts';

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
  readonly pool: Pool;
  /** Cancels what the pool's connections run, and so is of the same user. */
  readonly cancelling: KeptSession;
  readonly log: StoreLog;
}

/** How many connections a pool has, and how many calls wait for one. */
export interface Connections {
  readonly total: number;
  /** Those of the total that nobody uses. */
  readonly idle: number;
  readonly waiting: number;
}

/** No statement of ours takes this long but for a lock that somebody holds. */
const statementTimeoutMs = 15_000;
/**
 * All that is looked up has an index. On a small table the planner would read the whole, and a prepared statement keeps such a
 * plan while the table grows.
 *
 * @see docs/decisions/0014-plans-that-do-not-flip.md
 */
const unwanted = ['seqscan', 'bitmapscan', 'hashjoin', 'mergejoin', 'material', 'sort'] as const;
/**
 * All plans go by keys, whatever the values: what is prepared is planned once a session, not for each group of callers. Before
 * PostgreSQL 18, what is switched off above makes plans look so dear that they are compiled, which takes longer than they run.
 */
const planning = [
  ...unwanted.map((means) => `set enable_${means} = off`),
  'set plan_cache_mode = force_generic_plan',
  'set jit = off',
];
/** How often the log tells that the database is away. */
const warnEveryMs = 1_000;
/** A transaction never waits for anything but its own statements. */
const idleInTransactionTimeoutMs = 10_000;

/**
 * The database: entities for finding, statements for what is found often, and transactions for writing, over one pool.
 * What they throw is translated: VaultError `unavailable` where the database can't be reached or gave up, `canceled`
 * where the signal was aborted, and a `DatabaseFailure`, which is a bug, for what else the database refused.
 */
export class Database {
  readonly #orm: MikroORM;
  readonly #source: SessionSource;
  readonly #cancelling: KeptSession;
  readonly #log: StoreLog;
  #warnedAtMs = Number.NEGATIVE_INFINITY;

  constructor({ orm, pool, cancelling, log }: DatabaseParts) {
    this.#orm = orm;
    this.#source = { pool, prepared: new PreparedStatements(), canceller: new StatementCanceller(cancelling) };
    this.#cancelling = cancelling;
    this.#log = log;
  }

  /** Finds entities, of tenant tables those of the scope's workspaces alone. */
  async find<Entity extends object>(
    scope: TransactionScope,
    entity: EntityName<Entity>,
    criteria: EntityCriteria<Entity>,
  ): Promise<readonly Entity[]> {
    const em = this.#orm.em.fork();
    const statement = selectEntities(em, entity, criteria);
    const rows = scope.workspaces
      ? await this.transact(scope, (transaction) => transaction.select<EntityDictionary<Entity>>(statement))
      : await this.#translated(scope.signal, () =>
          selectAlone<EntityDictionary<Entity>>(this.#source, statement, scope.signal),
        );
    return rows.map((row) => mapRow(em, entity, row));
  }

  /** Runs one statement on the tables that are not a tenant's. */
  async query<Row extends QueryResultRow>(statement: Statement, signal?: AbortSignal): Promise<readonly Row[]> {
    return this.#translated(signal, () => runAlone<Row>(this.#source, statement, signal));
  }

  /**
   * Reads rows of some workspaces' tables in one round trip.
   *
   * @returns the rows of each statement
   */
  async read<Row extends QueryResultRow>(
    scope: { readonly workspaces: readonly string[]; readonly signal?: AbortSignal },
    statements: readonly Statement[],
  ): Promise<readonly (readonly Row[])[]> {
    return this.#translated(scope.signal, () => readTogether<Row>(this.#source, scope, statements));
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
      return await inTransaction(this.#source, scope, work);
    } catch (error) {
      this.#warn(translateFailure(error, scope.signal));
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
    await this.#orm.close();
    // The ORM ends only a pool that it has used itself.
    const { pool } = this.#source;
    if (!pool.ending) await pool.end();
    await this.#cancelling[Symbol.asyncDispose]();
  }

  /** Callers are told no cause, so that an operator must find it here: SQLSTATE 53100 is a full disk. */
  #warn(error: unknown): void {
    if (!(error instanceof VaultError) || error.code !== 'unavailable') return;
    const now = performance.now();
    if (now < this.#warnedAtMs + warnEveryMs) return;
    this.#warnedAtMs = now;
    this.#log.warn({ cause: String(error.cause) }, 'the database is not available');
  }

  async #translated<Result>(signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      const failure = translateFailure(error, signal);
      this.#warn(failure);
      throw failure;
    }
  }
}

/** As the ORM's own `map`, but for its validation, which fails for a row that somebody else has written: those are left to MACs. */
function mapRow<Entity extends object>(
  em: EntityManager,
  entity: EntityName<Entity>,
  row: EntityDictionary<Entity>,
): Entity {
  const data = em.getDriver().mapResult(row, em.getMetadata().get<Entity>(entity));
  assert(data, 'a row is mapped to something');
  return em.merge<Entity>(entity, data, { convertCustomTypes: true, refresh: true, validate: false });
}

/** Opens a database that has been migrated. It connects when it is first used. */
export async function openDatabase({ connection, log, poolMax, role }: DatabaseOptions): Promise<Database> {
  const orm = await MikroORM.init({
    ...ormOptionsOf(connection, log),
    pool: { min: 0, max: poolMax },
    driverOptions: {
      ...driverOptionsOf(connection),
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
      // Not start-up options, of which poolers know few.
      onConnect: (client: ClientBase) =>
        client.query([...planning, ...(role === null ? [] : [`set role ${role}`])].join('; ')),
    },
  });
  const pool = await orm.em.getConnection().getNativeClient();
  return new Database({ orm, pool, cancelling: new KeptSession(connection), log });
}
