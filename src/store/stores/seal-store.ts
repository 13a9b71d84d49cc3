import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type { KeyShareSet, KeyShareStore, SealStore } from '../../vault/workspaces/ports.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import { KeyShareEntity, SealEntity } from '../entities/seal.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { sealGrants } from '../identity/grant-tables.ts';
import type { Database } from '../postgres/database.ts';

const onlyRow = { where: { id: 1 } } as const;

/** Seals and the hashes of shares in PostgreSQL. */
export class SqlSealStore implements SealStore, KeyShareStore {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #guard: GrantGuard;

  constructor(database: Database, commits: CommitQueue, guard: GrantGuard) {
    this.#database = database;
    this.#commits = commits;
    this.#guard = guard;
  }

  async findSeal(): Promise<number> {
    return this.#numberOf(await this.#database.find({}, SealEntity, onlyRow));
  }

  async recordSeal(event: AuditEvent): Promise<void> {
    await this.#commits.run({}, async (transaction) => {
      const rows = await transaction.find(SealEntity, { ...onlyRow, lock: 'update' });
      const number = this.#numberOf(rows) + 1;
      const row = this.#guard.sign(sealGrants, { number, sealedAt: event.time });
      if (rows.length === 0) await transaction.insert(SealEntity, { id: 1, ...row });
      else await transaction.update(SealEntity, { id: 1 }, row);
      return { answer: undefined, events: [event] };
    });
  }

  async replaceShares({ hashes, masterFingerprint, threshold }: KeyShareSet, event: AuditEvent): Promise<void> {
    await this.#commits.run({}, async (transaction) => {
      await transaction.delete(KeyShareEntity, {});
      for (const hash of hashes) await transaction.insert(KeyShareEntity, { hash, masterFingerprint, threshold });
      return { answer: undefined, events: [event] };
    });
  }

  #numberOf([row]: readonly { readonly number: number; readonly sealedAt: Date; readonly mac: Uint8Array }[]): number {
    return row && this.#guard.isGenuine(sealGrants, row) ? row.number : 0;
  }
}
