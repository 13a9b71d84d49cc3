import { nilUuid } from '../../vault/ids.ts';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type {
  AuditEventRequest,
  AuditStore,
  AuditTrailReader,
  AuditTrailStore,
  VersionReader,
} from '../../vault/audit/ports.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import type { AuditHead, ChainedEvent, LedgerEntry, UnreadableEvent } from '../../vault/audit/audit-chain.ts';
import type { GrantMac } from '../../vault/identity/ports.ts';
import { auditEventOf, chainedEventOf, type NumberedEventRow } from '../trail/audit-event-row.ts';
import { AuditEventEntity } from '../entities/audit.ts';
import type { Database } from '../postgres/database.ts';
import { SqlRecordReader, SqlVersionReader } from '../trail/record-reader.ts';
import type { Statement } from '../postgres/statements/statement.ts';
import { readAhead } from '../postgres/statements/pages.ts';
import {
  estimateRecords,
  eventCriteria,
  findLedger,
  findStreamSpans,
  readEvents,
  type StreamSpan,
} from '../trail/trail-statements.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';

/** The target of an event that changes nothing. As a decision, the event shares the commit of others. */
const nothing = { workspaceId: nilUuid, signal: new AbortController().signal };

/** Writes events without a change. All others are written in the transaction of the change that they record. */
export class SqlAuditStore implements AuditStore {
  readonly #commits: CommitQueue;

  constructor(commits: CommitQueue) {
    this.#commits = commits;
  }

  async append(event: AuditEvent): Promise<void> {
    await this.#commits.decide(nothing, () => ({ event, answer: undefined }));
  }
}

const pageSize = 1_000;

/** Reads the trail from PostgreSQL. */
export class SqlAuditTrailStore implements AuditTrailStore {
  readonly versions: VersionReader;
  readonly #database: Database;
  /** With the time limits for reading the whole trail. */
  readonly #longWork: Database;
  readonly #mac: GrantMac;

  /** @param mac of the rows that are compared with the trail */
  constructor(database: Database, mac: GrantMac) {
    this.#database = database;
    this.#longWork = database.forLongWork();
    this.#mac = mac;
    this.versions = new SqlVersionReader(this.#longWork, mac);
  }

  async listAuditEvents(request: AuditEventRequest): Promise<readonly AuditEvent[]> {
    const { signal } = request;
    const rows = await this.#database.find({ signal }, AuditEventEntity, eventCriteria(request));
    return rows.map(auditEventOf);
  }

  /** Each page is read in its own transaction, so that a slow consumer keeps none open. */
  readEvents(): AsyncIterable<readonly (ChainedEvent | UnreadableEvent)[]> {
    return readInChunks((statement) => this.#longWork.query<NumberedEventRow>(statement), new Map());
  }

  async readTrail<Result>(work: (trail: AuditTrailReader) => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    return this.#longWork.transact({ isSnapshot: true, ...(signal && { signal }) }, async (transaction) => {
      const ledger = await transaction.run<LedgerEntry>(findLedger);
      const records = new SqlRecordReader(transaction, this.#mac);
      const read = (after: Heads) => readInChunks((statement) => transaction.run<NumberedEventRow>(statement), after);
      return work({ ledger, read, records, estimateTotal: (after) => estimateTotal(transaction, after) });
    });
  }
}

type Heads = ReadonlyMap<string, AuditHead>;

async function* readInChunks(
  run: (statement: Statement) => Promise<readonly NumberedEventRow[]>,
  after: Heads,
): AsyncGenerator<readonly (ChainedEvent | UnreadableEvent)[]> {
  const pages = readAhead<NumberedEventRow>(
    (last) => run(readEvents(last && placeAfter(last, after), pageSize)),
    pageSize,
  );
  for await (const rows of pages) {
    yield rows.filter(({ seq, stream }) => seq >= (after.get(stream)?.sequence ?? seq)).map(chainedEventOf);
  }
}

/** The position to continue after, past the events of its stream that are omitted. */
function placeAfter({ place, seq, stream }: NumberedEventRow, after: Heads): { stream: string; place: string } {
  const first = after.get(stream)?.sequence ?? 0;
  return { stream, place: seq < first ? String(first - 1) : place };
}

/** Estimates from the ends of the streams and the statistics of the server. */
async function estimateTotal(transaction: Transaction, after: Heads): Promise<number> {
  const streams = await transaction.run<StreamSpan>(findStreamSpans);
  const rows = await transaction.run<{ readonly rows: number }>(estimateRecords);
  const events = streams.map(({ first, last, stream }) =>
    Math.max(0, last - Math.max(first, after.get(stream)?.sequence ?? 0) + 1),
  );
  return [...events, ...rows.map(({ rows: count }) => count)].reduce((sum, count) => sum + count, 0);
}
