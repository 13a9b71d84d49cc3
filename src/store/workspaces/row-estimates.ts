import type { Database } from '../postgres/database.ts';
import type { Statement } from '../postgres/statements/statement.ts';

/** About how many rows there are, of all workspaces. */
export interface RowEstimates {
  /** One or more for each workspace. */
  readonly workspaceKeys: number;
  /** Each is sealed under one of these keys. */
  readonly credentialVersions: number;
}

/**
 * What vacuuming has counted, or what the server has seen written since, if that is more: the first is late, and a crash empties
 * the other. Nothing is counted, and the rows themselves need not be visible.
 */
const estimates: Statement = {
  name: 'estimate_rows',
  text: `select relname as name, greatest(reltuples, pg_stat_get_live_tuples(oid), 0)::bigint as rows
    from pg_class where oid in ('workspace_key'::regclass, 'credential_version'::regclass)`,
  values: [],
};

/** Estimates them, whatever their number, at the price of two look-ups. @throws VaultError `unavailable` */
export async function estimateRows(database: Pick<Database, 'query'>): Promise<RowEstimates> {
  const found = await database.query<{ readonly name: string; readonly rows: number }>(estimates);
  const rows = new Map(found.map(({ name, rows: count }) => [name, count]));
  return { workspaceKeys: rows.get('workspace_key') ?? 0, credentialVersions: rows.get('credential_version') ?? 0 };
}
