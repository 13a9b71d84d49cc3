import { formatHead, type AuditHead, type LedgerEntry, type StreamHead } from '../../vault/audit/audit-chain.ts';
import type { AuditChain } from '../../vault/audit/ports.ts';
import type { Clock } from '../../vault/time.ts';
import type { Database } from '../postgres/database.ts';
import { LockedLedger, readHeads } from './ledger.ts';
import { deleteEvents, findCut, findLastEvent, findLastOlder, findLedger } from './trail-statements.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';

/** The dependencies of pruning, and its limit. */
export interface Pruning {
  /** Connected as the owner of the tables: the role of the server may not delete events. */
  readonly database: Database;
  readonly chain: AuditChain;
  readonly clock: Clock;
  /** Events of this time and later are kept. */
  readonly before: Date;
}

/** The number of events that were pruned from a stream in one transaction. */
export interface PrunedEvents {
  readonly stream: string;
  readonly count: number;
}

/** The most events that are deleted in one transaction, which locks the ledger meanwhile. */
const batchSize = 20_000;

/**
 * Deletes the events of each stream that are older than a given time. The same transaction records in the ledger how far, so that
 * verification does not report them as missing. The last event of a stream is kept until a later start has recorded it in the
 * ledger: before that, nothing else shows where the stream ends. The trail must have been verified first, since pruning removes
 * the evidence of tampering.
 */
export async function* pruneTrail(pruning: Pruning): AsyncGenerator<PrunedEvents> {
  const ledger = await pruning.database.query<LedgerEntry>(findLedger);
  for (const { stream } of ledger.filter(({ kind }) => kind === 'begin')) {
    const { before, clock } = pruning;
    const [older] = await pruning.database.query<StreamHead>(findLastOlder({ stream, before, now: clock.now() }));
    if (!older) continue;
    const target = { stream, end: older.sequence };
    for (;;) {
      const count = await pruning.database.transact({}, (transaction) => pruneSome(transaction, target, pruning));
      if (count === 0) break;
      yield { stream, count };
    }
  }
}

/** The events of a stream up to a number. */
interface PruningTarget {
  readonly stream: string;
  readonly end: number;
}

async function pruneSome(
  transaction: Transaction,
  { stream, end: older }: PruningTarget,
  { chain, clock }: Pruning,
): Promise<number> {
  const ledger = await LockedLedger.open(transaction, chain);
  const [last] = await transaction.run<StreamHead>(findLastEvent(stream));
  if (!last) return 0;
  const end = Math.min(isRecorded(ledger.lines, stream, last) ? last.sequence : last.sequence - 1, older);
  const [cut] = await transaction.run<StreamHead>(findCut({ stream, end, count: batchSize }));
  if (!cut) return 0;
  const heads = JSON.stringify({ [stream]: formatHead(cut) });
  await ledger.append({ kind: 'prune', stream, time: clock.now(), heads });
  const deleted = await transaction.run(deleteEvents(stream, cut.sequence));
  return deleted.length;
}

function isRecorded(lines: readonly LedgerEntry[], stream: string, head: AuditHead): boolean {
  const serialized = formatHead(head);
  return lines.some(({ heads, kind }) => kind === 'begin' && readHeads(heads)[stream] === serialized);
}
