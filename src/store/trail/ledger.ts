import {
  continuableEntries,
  parseHead,
  type AuditHead,
  type LedgerEntry,
  type StreamHead,
} from '../../vault/audit/audit-chain.ts';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import { systemEvent } from '../../vault/audit/audit-event.ts';
import type { AuditChain } from '../../vault/audit/ports.ts';
import { lostEventCount, type TrailLoss } from '../../vault/audit/trail-loss.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { combine, insertInto, type Fragment, type Statement } from '../postgres/statements/statement.ts';
import { findLastEvent, findLedger, lockLedger } from './trail-statements.ts';

type Run = <Row extends object>(statement: Statement) => Promise<readonly Row[]>;

/** The ledger of the trail, locked in a transaction so that no other process appends to it until the transaction ends. */
export class LockedLedger {
  /** The lines that a new one may follow, in order. */
  readonly lines: readonly LedgerEntry[];
  readonly #transaction: Transaction;
  readonly #chain: AuditChain;
  #last: LedgerEntry | undefined;

  private constructor(transaction: Transaction, chain: AuditChain, lines: readonly LedgerEntry[]) {
    this.#transaction = transaction;
    this.#chain = chain;
    this.lines = lines;
    this.#last = lines.at(-1);
  }

  static async open(transaction: Transaction, chain: AuditChain): Promise<LockedLedger> {
    await transaction.run(lockLedger);
    return new LockedLedger(transaction, chain, continuableEntries(await transaction.run<LedgerEntry>(findLedger)));
  }

  /** The statement that appends a line after the last one. */
  enter(line: Parameters<AuditChain['enter']>[1]): Fragment {
    this.#last = this.#chain.enter(this.#last, line);
    const { number, kind, stream, time, heads, mac } = this.#last;
    return insertInto('audit_ledger', { number, kind, stream, time, heads, mac });
  }

  /** Appends a line after the last one. */
  async append(line: Parameters<AuditChain['enter']>[1]): Promise<void> {
    await this.#transaction.run(combine(this.enter(line)));
  }
}

/** Whether a line was removed or changed. */
export function isDamaged(chain: AuditChain, ledger: readonly LedgerEntry[]): boolean {
  return ledger.some((line, index) => line.number !== index + 1 || !chain.follows(ledger[index - 1], line));
}

/** The heads in a ledger line by stream, in their serialized form; entries that are not valid are omitted. */
export function readHeads(heads: string): Readonly<Record<string, string>> {
  try {
    const parsed: unknown = JSON.parse(heads);
    if (typeof parsed !== 'object' || parsed === null) return {};
    return Object.fromEntries(
      Object.entries(parsed).filter(
        (entry): entry is [string, string] => typeof entry[1] === 'string' && parseHead(entry[1]) !== undefined,
      ),
    );
  } catch {
    // The verifier reports a line that was tampered with; it must not stop the trail.
    return {};
  }
}

/** The events of a stream that the database has lost up to a committed one; undefined if it has them, or they were pruned. */
export async function findLoss(stream: string, committed: AuditHead, run: Run): Promise<TrailLoss | undefined> {
  if (committed.sequence === 0) return undefined;
  const [last] = await run<StreamHead>(findLastEvent(stream));
  const kept = last && { sequence: last.sequence, mac: last.mac };
  if (kept && kept.sequence >= committed.sequence) return undefined;
  if (!kept && (await lastPruned(stream, run)) >= committed.sequence) return undefined;
  return { stream, kept, lost: committed };
}

/** The event that records a loss, or its acknowledgement. */
export function lossEvent(
  parts: Parameters<typeof systemEvent>[0],
  action: 'audit.lose' | 'audit.acknowledge_loss',
  loss: TrailLoss,
): AuditEvent {
  const event = systemEvent(parts, { action, resourceKind: 'audit_stream', resourceId: loss.stream });
  return { ...event, count: lostEventCount(loss) };
}

/** The number of the last event of a stream that was pruned; 0 if none was. */
async function lastPruned(stream: string, run: Run): Promise<number> {
  const lines = (await run<LedgerEntry>(findLedger)).filter(({ kind }) => kind === 'prune');
  const heads = lines.map((line) => parseHead(readHeads(line.heads)[stream] ?? ''));
  return Math.max(0, ...heads.map((head) => head?.sequence ?? 0));
}
