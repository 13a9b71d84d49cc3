import type { AuditEvent } from '../vault/audit-event.ts';
import type { AuditStore } from '../vault/ports.ts';
import { insertAuditEvent } from './audit-event-row.ts';
import type { Database } from './database.ts';
import { together } from './statement.ts';

/** Events that stand alone. All others are written in the transaction of what they tell. */
export class SqlAuditStore implements AuditStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async append(event: AuditEvent): Promise<void> {
    await this.#database.query(together(insertAuditEvent(event)));
  }
}
