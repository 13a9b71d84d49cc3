import { continuableEntries, parseHead, type AuditHead, type LedgerEntry } from '../vault/audit/audit-chain.ts';
import type { AuditChain } from '../vault/audit/ports.ts';
import { ledgerName, type TrailFault } from '../vault/audit/verification.ts';
import { readLoss, type AcknowledgedLoss } from '../vault/audit/trail-loss.ts';

/** What the valid entries of the ledger record about the streams. */
export interface LedgerFindings {
  /** The streams that began. */
  readonly begun: ReadonlySet<string>;
  /** Heads of streams that later starts found. */
  readonly heads: readonly (readonly [stream: string, head: AuditHead])[];
  /** The last event of each stream that was pruned by an operator. */
  readonly pruned: ReadonlyMap<string, AuditHead>;
  /** The acknowledged losses of ends of streams. */
  readonly acknowledged: readonly AcknowledgedLoss[];
  readonly faults: readonly TrailFault[];
}

/** Checks each entry of the ledger against the previous one; the content of an invalid entry is ignored. */
export function verifyLedger(chain: AuditChain, entries: readonly LedgerEntry[]): LedgerFindings {
  const begun = new Set<string>();
  const heads: (readonly [string, AuditHead])[] = [];
  const pruned = new Map<string, AuditHead>();
  const acknowledged: AcknowledgedLoss[] = [];
  const faults: TrailFault[] = [];
  let previous: LedgerEntry | undefined;
  const continuable = new Set(continuableEntries(entries));
  for (const entry of entries) {
    if (!continuable.has(entry)) {
      faults.push(faultOfForeign(entry));
      continue;
    }
    const fault = faultOf(chain, previous, entry);
    if (fault) faults.push(fault);
    // After a gap, an entry cannot be checked; the gap is reported.
    if (fault?.kind !== 'CHANGED') {
      const recorded = headsOf(entry);
      if (entry.kind === 'begin') begun.add(entry.stream);
      if (entry.kind === 'begin') heads.push(...recorded);
      const loss = readLoss(entry);
      if (loss) heads.push(...headsOfLoss(loss));
      if (loss && entry.kind === 'acknowledge') acknowledged.push(loss);
      if (entry.kind === 'prune') for (const [stream, head] of recorded) pruned.set(stream, head);
    }
    previous = entry;
  }
  return { begun, heads, pruned, acknowledged, faults };
}

/** The heads that a loss implies. */
function headsOfLoss({ kept, lost, stream }: AcknowledgedLoss): readonly (readonly [string, AuditHead])[] {
  return [kept, lost].flatMap((head) => (head ? [[stream, head] as const] : []));
}

/** The fault of an entry that the ledger does not continue from. */
function faultOfForeign({ number }: LedgerEntry): TrailFault {
  const sequence = Math.min(Math.max(number, 1), Number.MAX_SAFE_INTEGER);
  const message = `entry ${number} of the ledger was inserted: it is far from all others`;
  return { stream: ledgerName, kind: 'INSERTED', sequence, message };
}

function faultOf(chain: AuditChain, previous: LedgerEntry | undefined, entry: LedgerEntry): TrailFault | undefined {
  const next = (previous?.number ?? 0) + 1;
  const place = { stream: ledgerName, sequence: next };
  if (entry.number !== next) {
    const gap = `entries ${next} to ${entry.number - 1} of the ledger are missing`;
    return { ...place, kind: 'REMOVED', message: gap };
  }
  if (chain.follows(previous, entry)) return undefined;
  return { ...place, kind: 'CHANGED', message: `entry ${entry.number} of the ledger was changed` };
}

function headsOf({ heads }: LedgerEntry): [string, AuditHead][] {
  try {
    const parsed: unknown = JSON.parse(heads);
    const recorded = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [];
    return recorded.flatMap(([stream, text]): [string, AuditHead][] => {
      const head = typeof text === 'string' ? parseHead(text) : undefined;
      return head ? [[stream, head]] : [];
    });
  } catch {
    // Only a modified entry is not JSON, and that is reported already.
    return [];
  }
}
