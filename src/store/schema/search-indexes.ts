import type { Client } from 'pg';
import { searchIndexes } from '../entities/search-indexes.ts';

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
