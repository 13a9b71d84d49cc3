import { continuableLines, formatHead, type AuditHead, type LedgerEntry } from '../../vault/audit/audit-chain.ts';
import type { AuditChain } from '../../vault/audit/ports.ts';
import type { Clock } from '../../vault/time.ts';
import { insertLedgerEntry } from './audit-event-row.ts';
import type { Database } from '../postgres/database.ts';
import { headOf, readHeads } from './ledger.ts';
import { combine } from '../postgres/statements/statement.ts';
import {
  deleteEvents,
  findCut,
  findLastEvent,
  findLastOlder,
  findLedger,
  lockLedger,
  type HeadRow,
} from './trail-statements.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';

/** What pruning works with. */
export interface Pruning {
  /** As the owner of the tables: the server's role may delete no event. */
  readonly database: Database;
  readonly chain: AuditChain;
  readonly clock: Clock;
  /** Events of this time and later stay. */
  readonly before: Date;
}

/** What was pruned of a stream. */
export interface PrunedEvents {
  readonly stream: string;
  readonly count: number;
}

/** How many events go in one transaction: others wait for the ledger meanwhile. */
const eventsAtATime = 20_000;

/**
 * Deletes the oldest events of each stream, as far as they lie before a time. The ledger is told in the same transaction how
 * far, so that they are not missed. The last event of a stream stays until a later start has put it down in the ledger: until
 * then nothing else would tell where the stream ends. It must have been verified before; what is wrong could be pruned away.
 */
export async function* pruneTrail(pruning: Pruning): AsyncGenerator<PrunedEvents> {
  const ledger = await pruning.database.query<LedgerEntry>(findLedger);
  for (const { stream } of ledger.filter(({ kind }) => kind === 'begin')) {
    const { before, clock } = pruning;
    const [older] = await pruning.database.query<HeadRow>(findLastOlder({ stream, before, now: clock.now() }));
    if (!older) continue;
    const target = { stream, end: older.seq };
    for (;;) {
      const count = await pruning.database.transact({}, (transaction) => pruneSome(transaction, target, pruning));
      if (count === 0) break;
      yield { stream, count };
    }
  }
}

/** What of a stream is to go: all up to a number. */
interface PruningTarget {
  readonly stream: string;
  readonly end: number;
}

async function pruneSome(
  transaction: Transaction,
  { stream, end: older }: PruningTarget,
  { chain, clock }: Pruning,
): Promise<number> {
  await transaction.run(lockLedger);
  const ledger = continuableLines(await transaction.run<LedgerEntry>(findLedger));
  const [last] = await transaction.run<HeadRow>(findLastEvent(stream));
  if (!last) return 0;
  const end = Math.min(isTold(ledger, stream, headOf(last)) ? last.seq : last.seq - 1, older);
  const [cut] = await transaction.run<HeadRow>(findCut({ stream, end, count: eventsAtATime }));
  if (!cut) return 0;
  const heads = JSON.stringify({ [stream]: formatHead(headOf(cut)) });
  const line = chain.enter(ledger.at(-1), { kind: 'prune', stream, time: clock.now(), heads });
  await transaction.run(combine(insertLedgerEntry(line)));
  const deleted = await transaction.run(deleteEvents(stream, cut.seq));
  return deleted.length;
}

function isTold(ledger: readonly LedgerEntry[], stream: string, head: AuditHead): boolean {
  const serialized = formatHead(head);
  return ledger.some(({ heads, kind }) => kind === 'begin' && readHeads(heads)[stream] === serialized);
}
