import type { AuditEvent } from '../../vault/audit-event.ts';
import type { ChainedEvent, LedgerEntry, UnreadableEvent } from '../../vault/audit-ports.ts';
import type { AuditEventRequest, AuditTrailReader, AuditTrailStore } from '../../vault/audit-trail.ts';
import type { GrantMac } from '../../vault/ports.ts';
import type { VersionReader } from '../../vault/record-evidence.ts';
import { auditEventOf, chainedEventOf, type AuditEventRow, type PlacedEventRow } from './audit-event-row.ts';
import type { Database } from '../connection/database.ts';
import { SqlRecordReader, SqlVersionReader } from './record-reader.ts';
import type { Statement } from '../connection/statement.ts';
import { findLedger, listEvents, readEvents } from './trail-statements.ts';

/** How many events are read at a time. */
const eventsAtATime = 1_000;

/** The trail in PostgreSQL, for reading. */
export class SqlAuditTrailStore implements AuditTrailStore {
  readonly versions: VersionReader;
  readonly #database: Database;
  /** For reading the whole trail. */
  readonly #longWork: Database;
  readonly #mac: GrantMac;

  /** @param mac of the rows that the trail is held against */
  constructor(database: Database, mac: GrantMac) {
    this.#database = database;
    this.#longWork = database.forLongWork();
    this.#mac = mac;
    this.versions = new SqlVersionReader(this.#longWork, mac);
  }

  async listAuditEvents(request: AuditEventRequest): Promise<readonly AuditEvent[]> {
    const rows = await this.#database.query<AuditEventRow>(listEvents(request), request.signal);
    return rows.map(auditEventOf);
  }

  /** Each part is read by itself: whoever is slow to take it keeps no transaction open. */
  readEvents(): AsyncIterable<readonly (ChainedEvent | UnreadableEvent)[]> {
    return readInChunks((statement) => this.#longWork.query<PlacedEventRow>(statement));
  }

  async readTrail<Result>(work: (trail: AuditTrailReader) => Promise<Result>): Promise<Result> {
    return this.#longWork.transact({ isSnapshot: true }, async (transaction) => {
      const ledger = await transaction.run<LedgerEntry>(findLedger);
      const records = new SqlRecordReader(transaction, this.#mac);
      const read = () => readInChunks((statement) => transaction.run<PlacedEventRow>(statement));
      return work({ ledger, read, records });
    });
  }
}

async function* readInChunks(
  run: (statement: Statement) => Promise<readonly PlacedEventRow[]>,
): AsyncGenerator<readonly (ChainedEvent | UnreadableEvent)[]> {
  let last: PlacedEventRow | undefined;
  for (;;) {
    const rows = await run(readEvents(last, eventsAtATime));
    yield rows.map(chainedEventOf);
    if (rows.length < eventsAtATime) return;
    [last] = rows.slice(-1);
  }
}
