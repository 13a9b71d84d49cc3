import type { PurgeStore, UnpurgedWorkspace } from '../../vault/workspaces/ports.ts';
import type { Database } from '../postgres/database.ts';
import { combine, updateRow } from '../postgres/statements/statement.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { deleteSome, findRemains, findUnpurged, tryLockPurge } from '../workspaces/workspace-statements.ts';

/** How many rows go in one transaction; it takes some milliseconds. */
const rowsAtATime = 1_000;

interface Remains {
  readonly hasCredentials: boolean;
  readonly hasKeys: boolean;
}

/** What is left of deleted workspaces, in PostgreSQL. What is deleted here nobody could open any more. */
export class SqlPurgeStore implements PurgeStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async findUnpurged(): Promise<readonly UnpurgedWorkspace[]> {
    return this.#database.query<{ id: string; deletedAt: Date }>(findUnpurged);
  }

  async purgeSome(workspaceId: string): Promise<boolean> {
    return this.#database.transact({ workspaces: [workspaceId] }, async (transaction) => {
      const [lock] = await transaction.run<{ readonly isFree: boolean }>(tryLockPurge);
      const { hasCredentials, hasKeys } = await remainsOf(transaction, workspaceId);
      // While there is a key, it was not Coffer that marked the workspace as deleted.
      if (!lock?.isFree || !hasCredentials || hasKeys) return false;
      for (const table of ['credential_version', 'credential'] as const) {
        const [gone] = await transaction.run<{ readonly count: number }>(deleteSome(table, workspaceId, rowsAtATime));
        if (gone?.count === rowsAtATime) return true;
      }
      return false;
    });
  }

  async endPurge(workspaceId: string, purgedAt: Date): Promise<void> {
    await this.#database.transact({ workspaces: [workspaceId] }, async (transaction) => {
      const { hasCredentials, hasKeys } = await remainsOf(transaction, workspaceId);
      if (hasCredentials || hasKeys) return;
      await transaction.run(combine({ ...updateRow('workspace', { id: workspaceId }, { purgedAt }), name: '~purged' }));
    });
  }
}

async function remainsOf(transaction: Transaction, workspaceId: string): Promise<Remains> {
  const [remains] = await transaction.run<Remains>(findRemains(workspaceId));
  return remains ?? { hasCredentials: true, hasKeys: true };
}
