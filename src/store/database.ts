import { randomUUID } from 'node:crypto';
import { MikroORM, type EntityManager } from '@mikro-orm/postgresql';
import type { ClientBase, Pool, QueryResultRow } from 'pg';
import { clientConfigOf, databaseNameOf, type DatabaseConnection } from './database-connection.ts';
import { canceled, isCollision, translateFailure } from './database-failure.ts';
import { entities } from './entities/index.ts';
import { releaseEndedClients } from './release-ended-clients.ts';
import type { Statement } from './statement.ts';
import type { StoreLog } from './store-log.ts';
import { inTransaction, runAlone, workspaceListOf, type Transaction, type TransactionScope } from './transaction.ts';

/** What a database is opened with. */
export interface DatabaseOptions {
  readonly connection: DatabaseConnection;
  /** The most connections at a time. */
  readonly poolMax: number;
  /** What every connection works as; null works as the user of the connection. See `withMigratedDatabase`. */
  readonly role: 'coffer_app' | null;
  readonly log: StoreLog;
}

/** No statement of ours takes this long but for a lock that somebody holds. */
const statementTimeoutMs = 15_000;
/** A transaction never waits for anything but its own statements. */
const idleInTransactionTimeoutMs = 10_000;

/**
 * The database: an ORM for reading entities, and transactions of prepared statements for writing, over one pool. What
 * they throw is translated: VaultError `unavailable` where the database can't be reached or gave up, `canceled` where
 * the signal was aborted, and a `DatabaseFailure`, which is a bug, for what else the database refused.
 */
export class Database {
  readonly #orm: MikroORM;
  readonly #pool: Pool;

  constructor(orm: MikroORM, pool: Pool) {
    this.#orm = orm;
    this.#pool = pool;
  }

  /** Reads entities, of tenant tables those of the scope's workspaces alone. */
  async read<Result>(scope: TransactionScope, work: (em: EntityManager) => Promise<Result>): Promise<Result> {
    const { workspaces, signal } = scope;
    const em = this.#orm.em.fork({
      ...(workspaces && { session: { variables: { 'coffer.workspaces': workspaceListOf(workspaces) } } }),
      ...(signal && { signal, inflightQueryAbortStrategy: 'cancel query' }),
    });
    return this.#translated(signal, () => untilAborted(signal, () => work(em)));
  }

  /** Runs one statement on the tables that are not a tenant's. */
  async query<Row extends QueryResultRow>(statement: Statement, signal?: AbortSignal): Promise<readonly Row[]> {
    return this.#translated(signal, () => runAlone<Row>(this.#pool, statement, signal));
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
    const run = () => inTransaction(this.#pool, scope, work);
    return this.#translated(scope.signal, async () => {
      try {
        return await run();
      } catch (error) {
        if (!isCollision(error)) throw error;
        return run();
      }
    });
  }

  /** Resolves when the database answers. */
  async ping(signal?: AbortSignal): Promise<void> {
    await this.query({ name: 'ping', text: 'select 1', values: [] }, signal);
  }

  /** Waits for what is under way, then closes all connections. */
  async close(): Promise<void> {
    await this.#orm.close();
  }

  async #translated<Result>(signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw translateFailure(error, signal);
    }
  }
}

/** Opens a database that has been migrated. It connects when it is first used. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { connection, log, poolMax, role } = options;
  const orm = await MikroORM.init({
    ...ormOptionsOf(connection, log),
    pool: { min: 0, max: poolMax },
    driverOptions: {
      ...clientConfigOf(connection),
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
      onPoolCreated: releaseEndedClients,
      // Not a start-up option: the connections that cancel statements must not become the role.
      ...(role !== null && { onConnect: (client: ClientBase) => client.query(`set role ${role}`) }),
    },
  });
  return new Database(orm, await orm.em.getConnection().getNativeClient());
}

/** What every ORM of ours has in common. */
export function ormOptionsOf(connection: DatabaseConnection, log: StoreLog) {
  return {
    // The ORM keeps its contexts by name, and two instances of one name would share transactions.
    contextName: randomUUID(),
    dbName: databaseNameOf(connection),
    entities,
    logger: (message: string) => log.warn({}, message),
    colors: false,
  };
}

/** The ORM does not look at the signal while it waits for a connection. */
async function untilAborted<Result>(signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
  if (!signal) return work();
  if (signal.aborted) throw canceled(signal);
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(canceled(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort));
  });
}
