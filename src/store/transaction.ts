import assert from 'node:assert/strict';
import { types, type Pool, type PoolClient, type QueryResultRow } from 'pg';
import { cancelOnAbort, type Cancellation } from './cancel-on-abort.ts';
import { canceled, CommitUnknownError, endsSession } from './database-failure.ts';
import type { Statement } from './statement.ts';

/** What a transaction may see, and how long it is wanted. */
export interface TransactionScope {
  /** Whose rows of tenant tables are seen and may be written; none where absent. */
  readonly workspaces?: readonly string[];
  readonly signal?: AbortSignal;
  /** Is waited for, and held until the transaction ends. */
  readonly advisoryLock?: bigint;
  /** Sees the database as it is at the first statement, and writes nothing. */
  readonly isSnapshot?: boolean;
}

/** An open transaction. Statements run one after the other, with their values apart from their text. */
export class Transaction {
  readonly #client: PoolClient;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  /** Runs a statement whose rows are of a known shape. */
  async run<Row extends QueryResultRow>(statement: Statement): Promise<readonly Row[]> {
    return run<Row>(this.#client, statement);
  }

  /** Runs a statement whose rows the ORM is to map. */
  async select<Row extends QueryResultRow>(statement: Statement): Promise<readonly Row[]> {
    return select<Row>(this.#client, statement);
  }
}

/** `bigint` as a number: the counts that it holds stay below 2^53. The pool's own parsers leave dates to the ORM. */
const rowTypes = {
  getTypeParser: (...[oid, format]: Parameters<typeof types.getTypeParser>) =>
    oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format),
};

/**
 * Runs one statement outside of a transaction, which therefore sees no rows of tenant tables.
 *
 * @throws VaultError `canceled` when the signal is aborted while it waits for a connection; errors of pg as they are
 */
export async function runAlone<Row extends QueryResultRow>(
  pool: Pool,
  statement: Statement,
  signal: AbortSignal | undefined,
): Promise<readonly Row[]> {
  return withClient(pool, signal, (client) => run<Row>(client, statement));
}

/** As `runAlone`, for rows that the ORM is to map. */
export async function selectAlone<Row extends QueryResultRow>(
  pool: Pool,
  statement: Statement,
  signal: AbortSignal | undefined,
): Promise<readonly Row[]> {
  return withClient(pool, signal, (client) => select<Row>(client, statement));
}

async function run<Row extends QueryResultRow>(client: PoolClient, statement: Statement): Promise<readonly Row[]> {
  const { name, text, values } = statement;
  const { rows } = await client.query<Row>({ name, text, values: [...values], types: rowTypes });
  return rows;
}

async function select<Row extends QueryResultRow>(client: PoolClient, statement: Statement): Promise<readonly Row[]> {
  const { text, values } = statement;
  const { rows } = await client.query<Row>({ text, values: [...values] });
  return rows;
}

/**
 * Works with a connection of the pool, whose statements end with the signal. After a failure that is more than a refused
 * statement the connection is closed: the server may have said that it ends the session, and not have ended it yet.
 */
async function withClient<Result>(
  pool: Pool,
  signal: AbortSignal | undefined,
  work: (client: PoolClient, cancellation: Cancellation) => Promise<Result>,
): Promise<Result> {
  const client = await lend(pool, signal);
  const cancellation = cancelOnAbort(pool, client, signal);
  let isBroken = false;
  try {
    return await work(client, cancellation);
  } catch (error) {
    isBroken = endsSession(error);
    throw error;
  } finally {
    await cancellation.settle();
    client.release(isBroken);
  }
}

/**
 * Runs work in a transaction and commits it. What the work throws rolls back.
 *
 * @throws VaultError `canceled` when the signal is aborted before the commit begins; CommitUnknownError where the
 *   connection is lost while the commit is under way; errors of pg as they are
 */
export async function inTransaction<Result>(
  pool: Pool,
  scope: TransactionScope,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  return withClient(pool, scope.signal, async (client, cancellation) => {
    try {
      await client.query(beginningOf(client, scope));
      const result = await work(new Transaction(client));
      // A commit is not cut short: its outcome would be anybody's guess.
      await cancellation.settle();
      if (scope.signal?.aborted) throw canceled(scope.signal);
      await commit(client);
      return result;
    } catch (error) {
      await cancellation.settle();
      if (!endsSession(error)) await client.query('rollback');
      throw error;
    }
  });
}

const workspaceListPattern = /^[0-9a-f-]{36}(,[0-9a-f-]{36})*$/;

async function commit(client: PoolClient): Promise<void> {
  const { command } = await client.query('commit').catch((error: unknown) => {
    throw endsSession(error) ? new CommitUnknownError(error) : error;
  });
  assert.equal(command, 'COMMIT', 'a failed statement of the transaction was passed over');
}

/** One round trip: the simple protocol takes several statements, but no parameters. */
function beginningOf(client: PoolClient, { advisoryLock, isSnapshot, workspaces = [] }: TransactionScope): string {
  const statements = [isSnapshot ? 'begin isolation level repeatable read, read only' : 'begin'];
  if (workspaces.length > 0) {
    const list = client.escapeLiteral(workspaceListOf(workspaces));
    statements.push(`select set_config('coffer.workspaces', ${list}, true)`);
  }
  if (advisoryLock !== undefined) statements.push(`select pg_advisory_xact_lock(${advisoryLock})`);
  return statements.join('; ');
}

/** The value of the session variable that row-level security reads: the ids, comma-separated. */
function workspaceListOf(workspaces: readonly string[]): string {
  const list = workspaces.join(',');
  assert.match(list, workspaceListPattern, 'workspace ids must be UUIDs');
  return list;
}

/** Waits for a connection no longer than the signal lets; one that comes too late goes straight back. */
async function lend(pool: Pool, signal: AbortSignal | undefined): Promise<PoolClient> {
  if (signal?.aborted) throw canceled(signal);
  const lending = pool.connect();
  if (!signal) return lending;
  return new Promise((resolve, reject) => {
    let isWanted = true;
    const onAbort = () => {
      isWanted = false;
      reject(canceled(signal));
    };
    const receive = (client: PoolClient) => {
      signal.removeEventListener('abort', onAbort);
      if (isWanted) resolve(client);
      else client.release();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    lending.then(receive, (error: Error) => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
    });
  });
}
