import type { LeakStore, SealedPage } from '../../vault/credentials/ports.ts';
import { findEach } from '../commits/group-state.ts';
import type { CredentialGuard } from '../credentials/credential-guard.ts';
import type { Database } from '../postgres/database.ts';
import { takeLock } from '../postgres/statements/advisory-locks.ts';
import type { Statement } from '../postgres/statements/statement.ts';

/** Reads the sealed secrets of all workspaces, one after the other, for reports of leaks. */
export class SqlLeakStore implements LeakStore {
  readonly #database: Database;
  readonly #guard: CredentialGuard;

  constructor(database: Database, guard: CredentialGuard) {
    this.#database = database;
    this.#guard = guard;
  }

  /** The transaction only holds the lock, so that it is released when the process or its connection ends. */
  async exclusively<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    return this.#database.forLongWork().transact({ signal }, async (transaction) => {
      await transaction.run(takeLock('leak'));
      return work();
    });
  }

  async readSealed({ workspaceId, after, size, signal }: Parameters<LeakStore['readSealed']>[0]): Promise<SealedPage> {
    return this.#database.transact({ workspaces: [workspaceId], isSnapshot: true, signal }, async (transaction) => {
      const rows = await transaction.run<{ readonly id: string }>(idsAfter(workspaceId, after, size));
      const targets = rows.map(({ id }) => ({ workspaceId, reference: { id }, sealed: true, deletedToo: true }));
      const found = await findEach(transaction, targets, this.#guard);
      return {
        found: found.flatMap((one) => one.found ?? []),
        last: rows.length < size ? undefined : rows.at(-1)?.id,
      };
    });
  }
}

/** Hand-written: it is the same for each chunk of a search through all credentials, and reads only the primary key. */
function idsAfter(workspaceId: string, after: string, size: number): Statement {
  return {
    name: 'ids of credentials after',
    text: `
      select id from credential where workspace_id = $1 and id > $2 and purged_at is null
      order by id limit $3`,
    values: [workspaceId, after, size],
  };
}
