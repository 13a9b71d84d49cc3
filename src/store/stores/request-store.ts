import type { GrantMac } from '../../vault/identity/ports.ts';
import { keptForMs, type KeptAnswer, type RequestClaim, type RequestStore } from '../../vault/requests/ports.ts';
import type { BatchResult } from '../../vault/worker-task.ts';
import type { Database } from '../postgres/database.ts';
import { findRecord, RequestRecords, sweepRecords, sweptMax, type StoredRecord } from '../requests/request-records.ts';

/** The answers to requests with an id, in PostgreSQL. They are written by the commits of the requests. */
export class SqlRequestStore implements RequestStore {
  readonly #database: Database;
  readonly #records: RequestRecords;

  constructor(database: Database, mac: GrantMac) {
    this.#database = database;
    this.#records = new RequestRecords(mac);
  }

  async find(claim: RequestClaim, signal: AbortSignal): Promise<KeptAnswer | undefined> {
    const scope = { workspaces: [claim.workspaceId], signal };
    const [rows = []] = await this.#database.read<StoredRecord>(scope, [findRecord(claim)]);
    const [row] = rows;
    return row && this.#records.read(row, claim);
  }

  async sweep(now: Date): Promise<BatchResult> {
    const expiredAt = new Date(now.getTime() - keptForMs);
    const [swept] = await this.#database.transact({}, (transaction) =>
      transaction.run<{ readonly count: number }>(sweepRecords(expiredAt)),
    );
    const count = swept?.count ?? 0;
    return { count, hasMore: count === sweptMax };
  }
}
