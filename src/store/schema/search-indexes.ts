import type { Client } from 'pg';
import type { BatchResult, WorkerTask } from '../../vault/worker-task.ts';
import { searchIndexes } from '../entities/search-indexes.ts';
import type { DatabaseConnection } from '../postgres/connect/database-connection.ts';
import { translateFailure } from '../postgres/connect/database-failure.ts';
import { endClient, SessionOpener } from '../postgres/connect/session-opener.ts';
import type { StoreLog } from '../postgres/connect/store-log.ts';
import { advisoryLocks } from '../postgres/statements/advisory-locks.ts';
import { isServingUser } from './schema-check.ts';

type SearchIndex = (typeof searchIndexes)[number];

/**
 * Builds the indexes of searches at once where no credential was ever stored, so that a new instance has them from the beginning.
 * To be called under the migration lock.
 */
export async function indexEmptyTable(owner: Client): Promise<void> {
  // The size instead of a query: row-level security shows the owner no rows.
  const { rows } = await owner.query<{ isEmpty: boolean }>(`select pg_relation_size('credential') = 0 as "isEmpty"`);
  if (rows[0]?.isEmpty !== true) return;
  for (const { name, on } of searchIndexes) await owner.query(`create index if not exists ${name} on ${on}`);
}

export interface SearchIndexParts {
  /** As the owner of the tables; another user builds nothing. */
  readonly connection: DatabaseConnection;
  readonly log: StoreLog;
}

/**
 * Builds the indexes that are missing without blocking writes. Any number of processes may run it: one builds, and the others look
 * again later. What an interruption leaves is built anew. Until then, searches work without the index, and are slower.
 *
 * @see docs/decisions/0045-indexes-after-the-start.md
 */
export class SearchIndexTask implements WorkerTask {
  readonly name = 'search indexes';
  readonly everyMs = 60_000;
  readonly #log: StoreLog;
  readonly #opener: SessionOpener;
  #isDone = false;

  constructor({ connection, log }: SearchIndexParts) {
    this.#log = log;
    this.#opener = new SessionOpener(connection);
  }

  /**
   * @returns the number of indexes that were built
   * @throws VaultError `unavailable`, also if it is aborted; a server that is still building continues to do so
   */
  async runBatch(signal: AbortSignal): Promise<BatchResult> {
    const count = this.#isDone ? 0 : await this.#run(signal);
    return { count, hasMore: false };
  }

  async #run(signal: AbortSignal): Promise<number> {
    try {
      const client = await this.#opener.open({ signal });
      // It is reported by the statement that is lost.
      client.on('error', () => undefined);
      const close = () => void endClient(client);
      signal.addEventListener('abort', close, { once: true });
      try {
        return await this.#buildMissing(client);
      } finally {
        signal.removeEventListener('abort', close);
        await endClient(client);
      }
    } catch (error) {
      throw translateFailure(error);
    }
  }

  async #buildMissing(client: Client): Promise<number> {
    const missing = await missingIndexes(client);
    if (missing.length === 0 || (await this.#isForbidden(client))) {
      this.#isDone = true;
      return 0;
    }
    if (!(await takeLock(client))) return 0;
    await client.query('set statement_timeout = 0; set lock_timeout = 0');
    // Another process may have built some meanwhile.
    const indexes = await missingIndexes(client);
    for (const index of indexes) await this.#build(client, index);
    this.#isDone = true;
    return indexes.length;
  }

  async #build(client: Client, { name, on }: SearchIndex): Promise<void> {
    const startedMs = performance.now();
    this.#log.info({ index: name }, 'an index is being built; searches are slower until then');
    // An interrupted build leaves an index that is written and never used.
    await client.query(`drop index concurrently if exists ${name}`);
    await client.query(`create index concurrently ${name} on ${on}`);
    this.#log.info({ index: name, seconds: Math.round((performance.now() - startedMs) / 1_000) }, 'an index was built');
  }

  async #isForbidden(client: Client): Promise<boolean> {
    if (!(await isServingUser(client))) return false;
    this.#log.warn({}, 'indexes of searches are missing: run the command migrate as the owner of the tables');
    return true;
  }
}

/** The indexes that do not exist, or that an interrupted build has left invalid. */
async function missingIndexes(client: Client): Promise<readonly SearchIndex[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid
     where i.indrelid = 'credential'::regclass and i.indisvalid and i.indisready`,
  );
  const valid = new Set(rows.map(({ name }) => name));
  return searchIndexes.filter(({ name }) => !valid.has(name));
}

/** It never waits for the lock: a session that waits has a snapshot, for whose end the build of an index would wait in turn. */
async function takeLock(client: Client): Promise<boolean> {
  const text = 'select pg_try_advisory_lock($1, $2) as "isFree"';
  const { rows } = await client.query<{ isFree: boolean }>(text, [...advisoryLocks.searchIndexes]);
  return rows[0]?.isFree === true;
}
