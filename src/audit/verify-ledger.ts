import { continuableLines, parseHead, type AuditHead, type LedgerEntry } from '../vault/audit/audit-chain.ts';
import type { AuditChain } from '../vault/audit/ports.ts';
import { ledgerName, type TrailFault } from '../vault/audit/verification.ts';
import { readLoss, type AcknowledgedLoss } from '../vault/audit/trail-loss.ts';

/** What the ledger tells of the streams, as far as it can be believed. */
export interface LedgerFindings {
  /** The streams that began. */
  readonly begun: ReadonlySet<string>;
  /** Places of streams as later starts found them. */
  readonly heads: readonly (readonly [stream: string, head: AuditHead])[];
  /** The last event of each stream that was pruned by an operator. */
  readonly pruned: ReadonlyMap<string, AuditHead>;
  /** Ends of streams that the database lost, and whose loss an operator acknowledged. */
  readonly acknowledged: readonly AcknowledgedLoss[];
  readonly faults: readonly TrailFault[];
}

/** Checks the lines of the ledger, each against the one before; of lines that fail, nothing is believed. */
export function verifyLedger(chain: AuditChain, entries: readonly LedgerEntry[]): LedgerFindings {
  const begun = new Set<string>();
  const heads: (readonly [string, AuditHead])[] = [];
  const pruned = new Map<string, AuditHead>();
  const acknowledged: AcknowledgedLoss[] = [];
  const faults: TrailFault[] = [];
  let previous: LedgerEntry | undefined;
  const lines = new Set(continuableLines(entries));
  for (const entry of entries) {
    if (!lines.has(entry)) {
      faults.push(faultOfForeign(entry));
      continue;
    }
    const fault = faultOf(chain, previous, entry);
    if (fault) faults.push(fault);
    // After a gap the line can't be checked, and whether it is genuine does not matter: the gap is told.
    if (fault?.kind !== 'CHANGED') {
      const told = headsOf(entry);
      if (entry.kind === 'begin') begun.add(entry.stream);
      if (entry.kind === 'begin') heads.push(...told);
      const loss = readLoss(entry);
      if (loss) heads.push(...headsOfLoss(loss));
      if (loss && entry.kind === 'acknowledge') acknowledged.push(loss);
      if (entry.kind === 'prune') for (const [stream, head] of told) pruned.set(stream, head);
    }
    previous = entry;
  }
  return { begun, heads, pruned, acknowledged, faults };
}

/** What the stream had, and what it must still have. */
function headsOfLoss({ kept, lost, stream }: AcknowledgedLoss): readonly (readonly [string, AuditHead])[] {
  return [kept, lost].flatMap((head) => (head ? [[stream, head] as const] : []));
}

/** A line that the ledger does not go on from. */
function faultOfForeign({ number }: LedgerEntry): TrailFault {
  const sequence = Math.min(Math.max(number, 1), Number.MAX_SAFE_INTEGER);
  const message = `line ${number} of the ledger was put in: it is far from all others`;
  return { stream: ledgerName, kind: 'INSERTED', sequence, message };
}

function faultOf(chain: AuditChain, previous: LedgerEntry | undefined, entry: LedgerEntry): TrailFault | undefined {
  const next = (previous?.number ?? 0) + 1;
  const place = { stream: ledgerName, sequence: next };
  if (entry.number !== next) {
    const gap = `lines ${next} to ${entry.number - 1} of the ledger are missing`;
    return { ...place, kind: 'REMOVED', message: gap };
  }
  if (chain.follows(previous, entry)) return undefined;
  return { ...place, kind: 'CHANGED', message: `line ${entry.number} of the ledger is not as it was written` };
}

function headsOf({ heads }: LedgerEntry): [string, AuditHead][] {
  try {
    const parsed: unknown = JSON.parse(heads);
    const told = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [];
    return told.flatMap(([stream, text]): [string, AuditHead][] => {
      const head = typeof text === 'string' ? parseHead(text) : undefined;
      return head ? [[stream, head]] : [];
    });
  } catch {
    // Only a line that was tampered with is no JSON, and that is told already.
    return [];
  }
}
