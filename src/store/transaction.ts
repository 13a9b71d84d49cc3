import assert from 'node:assert/strict';
import { types, type Pool, type PoolClient, type QueryResultRow } from 'pg';
import { cancelOnAbort } from './cancel-on-abort.ts';
import { canceled } from './database-failure.ts';
import type { Statement } from './statement.ts';

/** What a transaction may see, and how long it is wanted. */
export interface TransactionScope {
  /** Whose rows of tenant tables are seen and may be written; none where absent. */
  readonly workspaces?: readonly string[];
  readonly signal?: AbortSignal;
}

/** An open transaction. Statements run one after the other, prepared, and with their values apart from their text. */
export class Transaction {
  readonly #client: PoolClient;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  async run<Row extends QueryResultRow>(statement: Statement): Promise<readonly Row[]> {
    return runStatement<Row>(this.#client, statement);
  }
}

/** `bigint` as a number: the counts that it holds stay below 2^53. The ORM's own parsers would leave dates as text. */
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
  const client = await lend(pool, signal);
  const cancellation = cancelOnAbort(pool, client, signal);
  try {
    return await runStatement<Row>(client, statement);
  } finally {
    await cancellation.settle();
    // A connection that was lost meanwhile is known to the pool as such.
    client.release();
  }
}

async function runStatement<Row extends QueryResultRow>(
  client: PoolClient,
  { name, text, values }: Statement,
): Promise<readonly Row[]> {
  const { rows } = await client.query<Row>({ name, text, values: [...values], types: rowTypes });
  return rows;
}

/**
 * Runs work in a transaction and commits it. What the work throws rolls back. A connection that can't even roll back is
 * closed, so that none returns to the pool in a doubtful state.
 *
 * @throws VaultError `canceled` when the signal is aborted before the commit begins; errors of pg as they are
 */
export async function inTransaction<Result>(
  pool: Pool,
  scope: TransactionScope,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  const client = await lend(pool, scope.signal);
  const cancellation = cancelOnAbort(pool, client, scope.signal);
  let isClean = false;
  try {
    await client.query(beginningOf(client, scope));
    const result = await work(new Transaction(client));
    await cancellation.settle();
    if (scope.signal?.aborted) throw canceled(scope.signal);
    const { command } = await client.query('commit');
    assert.equal(command, 'COMMIT', 'a failed statement of the transaction was passed over');
    isClean = true;
    return result;
  } catch (error) {
    await cancellation.settle();
    isClean = await rollBack(client);
    throw error;
  } finally {
    client.release(!isClean);
  }
}

async function rollBack(client: PoolClient): Promise<boolean> {
  try {
    await client.query('rollback');
    return true;
  } catch {
    // The first error tells more; this one only means that the connection is of no more use.
    return false;
  }
}

const workspaceListPattern = /^[0-9a-f-]{36}(,[0-9a-f-]{36})*$/;

/** One round trip: the simple protocol takes several statements, but no parameters. */
function beginningOf(client: PoolClient, { workspaces }: TransactionScope): string {
  if (workspaces === undefined || workspaces.length === 0) return 'begin';
  const list = workspaceListOf(workspaces);
  return `begin; select set_config('coffer.workspaces', ${client.escapeLiteral(list)}, true)`;
}

/** The value of the session variable that row-level security reads: the ids, comma-separated. */
export function workspaceListOf(workspaces: readonly string[]): string {
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
