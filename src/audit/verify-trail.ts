import type { TrailFault, TrailFaultKind, TrailVerification } from '../vault/audit/verification.ts';
import type {
  CredentialEvidence,
  GrantEvidence,
  GrantFlaw,
  AuditChain,
  AuditTrailReader,
} from '../vault/audit/ports.ts';
import { formatHead, type AuditHead, type LedgerEntry, type StreamHead } from '../vault/audit/audit-chain.ts';
import type { AcknowledgedLoss } from '../vault/audit/trail-loss.ts';
import type { VerificationProgress } from './chain-verifier.ts';
import { verifyLedger } from './verify-ledger.ts';
import { StreamCheck } from './stream-check.ts';

export interface Verifying {
  readonly chain: AuditChain;
  readonly trail: AuditTrailReader;
  /** Heads that must exist, by stream: from the log, or kept elsewhere. */
  readonly expected: ReadonlyMap<string, AuditHead>;
  /** Heads up to which the trail has been verified: events before them are skipped. */
  readonly verified: ReadonlyMap<string, AuditHead>;
  /** The head of this process, which must exist as well. */
  readonly own: StreamHead | undefined;
  /** Receives the faults and the progress. */
  readonly progress: VerificationProgress;
}

export interface VerifiedTrail extends Pick<TrailVerification, 'eventCount' | 'heads'> {
  readonly acknowledgedLosses: readonly AcknowledgedLoss[];
}

/** Verifies one snapshot of the trail, which it reads in batches, and reports all faults. */
export async function verifyTrail({
  chain,
  trail,
  expected,
  verified,
  own,
  progress,
}: Verifying): Promise<VerifiedTrail> {
  const ledger = verifyLedger(chain, trail.ledger);
  const known = [...ledger.heads, ...expected, ...verified, ...(own ? [[own.stream, own] as const] : [])];
  progress.begin(await trail.estimateTotal(verified));
  progress.add(...ledger.faults);
  const heads = new Map<string, string>();
  let eventCount = 0;
  let check: StreamCheck | undefined;
  const unread = new Set([...ledger.begun, ...known.map(([stream]) => stream)]);
  const begin = (stream: string) => {
    unread.delete(stream);
    const marks = known.filter(([named]) => named === stream).map(([, head]) => head);
    return new StreamCheck({
      chain,
      stream,
      marks,
      pruned: ledger.pruned.get(stream),
      isKnown: ledger.begun.has(stream),
      acknowledged: ledger.acknowledged.filter((loss) => loss.stream === stream),
      verified: verified.get(stream),
    });
  };
  const end = (ended: StreamCheck) => {
    progress.add(...ended.end());
    if (ended.last) heads.set(ended.stream, formatHead(ended.last));
  };
  for await (const events of trail.read(verified)) {
    for (const chained of events) {
      if (check?.stream !== chained.stream) {
        if (check) end(check);
        check = begin(chained.stream);
      }
      check.add(chained);
      eventCount += 1;
      await progress.count();
    }
  }
  if (check) end(check);
  for (const stream of [...unread].toSorted()) end(begin(stream));
  await verifyRecords(trail, progress);
  return { eventCount, heads, acknowledgedLosses: ledger.acknowledged };
}

async function verifyRecords({ ledger, records }: AuditTrailReader, progress: VerificationProgress): Promise<void> {
  const timesMs = ledger.filter(excuses).map(({ time }) => time.getTime());
  const untilMs = Math.max(...timesMs.filter((timeMs) => !Number.isNaN(timeMs)));
  for await (const credentials of records.credentials()) {
    for (const evidence of credentials) {
      const fault = faultOfCredential(evidence, untilMs);
      if (fault) progress.add(fault);
      await progress.count();
    }
  }
  for await (const grants of records.grants()) progress.add(...grants.map(faultOfGrant));
}

/** Whether events before the entry may be missing, or have no state. A forged entry is reported separately. */
function excuses({ kind }: LedgerEntry): boolean {
  return kind === 'prune' || kind === 'sign' || kind === 'acknowledge';
}

/**
 * Compares the row of a credential with its states in the trail.
 *
 * @param untilMs until when events may be missing, since the Unix epoch: they were pruned, or had no states yet
 */
function faultOfCredential(evidence: CredentialEvidence, untilMs: number): TrailFault | undefined {
  const found = flawOfCredential(evidence, untilMs);
  if (!found) return undefined;
  const [kind, what] = found;
  return faultOfRow(kind, 'credential', `credential ${evidence.id} of workspace ${evidence.workspaceId} ${what}`);
}

type Flaw = readonly [kind: TrailFaultKind, what: string];

function flawOfCredential({ row, recorded, isForked }: CredentialEvidence, untilMs: number): Flaw | undefined {
  if (!row) return ['REMOVED', 'was removed'];
  if (!row.isGenuine) {
    if (recorded) return ['CHANGED', 'was changed'];
    return ['INSERTED', 'was inserted or changed'];
  }
  if (recorded && row.revision < recorded.revision) {
    return ['CHANGED', `was restored to revision ${row.revision}: the trail has revision ${recorded.revision}`];
  }
  if (!row.isReadable) return ['CHANGED', 'has an unreadable last use, use count or time of notice'];
  const isRecorded = recorded?.revision === row.revision;
  if (isForked || (isRecorded && recorded.state !== row.state)) {
    return ['CHANGED', 'was restored to an earlier state and then changed: the trail has two states of one revision'];
  }
  if (isRecorded || row.updatedAt.getTime() <= untilMs) return undefined;
  return ['TAIL_CUT', `is at revision ${row.revision}, which no event has`];
}

const kindsOfGrants: Readonly<Record<GrantFlaw, Flaw>> = {
  changed: ['CHANGED', 'was changed or inserted'],
  unreadable: ['CHANGED', 'has an unreadable time or number'],
  removed: ['REMOVED', 'was removed: the trail has only its creation'],
  restored: ['INSERTED', 'was restored: the trail has its end'],
  revived: ['CHANGED', 'is valid again: the trail has its end'],
  reverted: ['CHANGED', 'was restored to an earlier state: the trail has a later change'],
  forked: ['CHANGED', 'was restored to an earlier state and then changed: the trail has two changes of one state'],
};

/** The fault of a row that grants access. */
function faultOfGrant({ flaw, id, table }: GrantEvidence): TrailFault {
  const [kind, what] = kindsOfGrants[flaw];
  return faultOfRow(kind, table, `${table} ${id} ${what}`);
}

/** The fault of a row; its table stands for the stream. */
export function faultOfRow(kind: TrailFaultKind, table: string, message: string): TrailFault {
  return { kind, stream: table, sequence: 0, message };
}
