import type { PurgeStore, UnpurgedWorkspace } from '../../vault/workspaces/ports.ts';
import { tenantTables, type TenantTable } from '../entities/tenant-tables.ts';
import { WorkspaceEntity } from '../entities/workspace.ts';
import type { Database } from '../postgres/database.ts';
import { tryLock } from '../postgres/statements/advisory-locks.ts';
import type { Statement } from '../postgres/statements/statement.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';

/** How many rows are deleted in one transaction, which takes some milliseconds. */
const rowsAtATime = 1_000;
const workspacesMax = 10_000;
/** Keys are deleted with the workspace. */
const purgedTables = tenantTables.filter((table) => table !== 'workspace_key');

interface Remains {
  readonly hasRows: boolean;
  readonly hasKeys: boolean;
}

/** What is left of deleted workspaces, in PostgreSQL. What is deleted here could no longer be opened. */
export class SqlPurgeStore implements PurgeStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async findUnpurged(): Promise<readonly UnpurgedWorkspace[]> {
    const where = { deletedAt: { $ne: null }, purgedAt: null };
    const criteria = { where, orderBy: { deletedAt: 'desc' }, limit: workspacesMax } as const;
    const rows = await this.#database.find({}, WorkspaceEntity, criteria);
    return rows.flatMap(({ id, deletedAt }) => (deletedAt ? [{ id, deletedAt }] : []));
  }

  async purgeSome(workspaceId: string): Promise<boolean> {
    return this.#database.transact({ workspaces: [workspaceId] }, async (transaction) => {
      const [lock] = await transaction.run<{ readonly isFree: boolean }>(tryLock('purge'));
      const { hasRows, hasKeys } = await remainsOf(transaction, workspaceId);
      // While there is a key, it was not Coffer that marked the workspace as deleted.
      if (!lock?.isFree || !hasRows || hasKeys) return false;
      for (const table of purgedTables) {
        const [deleted] = await transaction.run<{ readonly count: number }>(deleteSome(table, workspaceId));
        if (deleted?.count === rowsAtATime) return true;
      }
      return false;
    });
  }

  async endPurge(workspaceId: string, purgedAt: Date): Promise<void> {
    await this.#database.transact({ workspaces: [workspaceId] }, async (transaction) => {
      const { hasRows, hasKeys } = await remainsOf(transaction, workspaceId);
      if (!hasRows && !hasKeys) await transaction.update(WorkspaceEntity, { id: workspaceId }, { purgedAt });
    });
  }
}

async function remainsOf(transaction: Transaction, workspaceId: string): Promise<Remains> {
  const tables = tenantTables.map((table) => `select '${table}' as name where exists (${rowsOf(table)})`);
  const statement = { name: 'remains of workspace', text: tables.join(' union all '), values: [workspaceId] };
  const found = await transaction.run<{ readonly name: TenantTable }>(statement);
  return {
    hasRows: found.some(({ name }) => name !== 'workspace_key'),
    hasKeys: found.some(({ name }) => name === 'workspace_key'),
  };
}

function rowsOf(table: TenantTable): string {
  return `select from ${table} where workspace_id = $1`;
}

/** Deletes some rows of a tenant table, and answers how many; the query builder has no limit for deletions. */
function deleteSome(table: TenantTable, workspaceId: string): Statement {
  return {
    name: `-${table}, some`,
    text: `
      with gone as (
        delete from ${table}
        where workspace_id = $1 and ctid = any (array(select ctid from ${table} where workspace_id = $1 limit $2))
        returning 1
      )
      select count(*)::int as count from gone`,
    values: [workspaceId, rowsAtATime],
  };
}
