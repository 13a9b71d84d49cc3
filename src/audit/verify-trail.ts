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

/** What verifying works with. */
export interface Verifying {
  readonly chain: AuditChain;
  readonly trail: AuditTrailReader;
  /** Heads that must be there, by stream: those that were logged or kept elsewhere. */
  readonly expected: ReadonlyMap<string, AuditHead>;
  /** Heads up to which the trail was verified before: events before them are skipped. */
  readonly verified: ReadonlyMap<string, AuditHead>;
  /** The head of this process, which must be there, too. */
  readonly own: StreamHead | undefined;
  /** What is found and done is reported to this. */
  readonly progress: VerificationProgress;
}

/** What the trail was found to hold. */
export interface VerifiedTrail extends Pick<TrailVerification, 'eventCount' | 'heads'> {
  readonly acknowledgedLosses: readonly AcknowledgedLoss[];
}

/** Reads the whole trail as it was at one moment, a part of it in memory at a time, and tells what of it is not as it was written. */
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
      check.take(chained);
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

/** Events from before may be gone, or tell no states. A line that was made up is told by itself. */
function excuses({ kind }: LedgerEntry): boolean {
  return kind === 'prune' || kind === 'sign' || kind === 'acknowledge';
}

/**
 * Holds what is stored of a credential against what the trail tells of it.
 *
 * @param untilMs up to when events may be gone for a good reason, since the Unix epoch: they were pruned, or told no states yet
 */
export function faultOfCredential(evidence: CredentialEvidence, untilMs: number): TrailFault | undefined {
  const found = flawOfCredential(evidence, untilMs);
  if (!found) return undefined;
  const [kind, what] = found;
  return faultOfRow(kind, 'credential', `credential ${evidence.id} of workspace ${evidence.workspaceId} ${what}`);
}

type Flaw = readonly [kind: TrailFaultKind, what: string];

function flawOfCredential({ row, told, isForked }: CredentialEvidence, untilMs: number): Flaw | undefined {
  if (!row) return ['REMOVED', 'was removed'];
  if (!row.isGenuine) {
    if (told) return ['CHANGED', 'is not as it was written'];
    return ['INSERTED', 'was put in, or is not as it was written'];
  }
  if (told && row.revision < told.revision) {
    return ['CHANGED', `was put back to revision ${row.revision}: the trail tells of ${told.revision}`];
  }
  if (!row.isReadable) return ['CHANGED', 'has a last use or a count of uses that cannot be read'];
  const isTold = told?.revision === row.revision;
  if (isForked || (isTold && told.state !== row.state)) {
    return [
      'CHANGED',
      'was put back to an earlier state, and changed again: the trail tells of two states of one revision',
    ];
  }
  if (isTold || row.updatedAt.getTime() <= untilMs) return undefined;
  return ['TAIL_CUT', `is at revision ${row.revision}, of which no event tells`];
}

const kindsOfGrants: Readonly<Record<GrantFlaw, Flaw>> = {
  changed: ['CHANGED', 'is not as it was written, or was put in'],
  unreadable: ['CHANGED', 'has a time or a number that cannot be read'],
  removed: ['REMOVED', 'was removed: the trail tells only that it was made'],
  restored: ['INSERTED', 'was put back: the trail tells that it was ended'],
  revived: ['CHANGED', 'is in force again: the trail tells that it was ended'],
  reverted: ['CHANGED', 'was put back to an earlier state: the trail tells of a change since'],
  forked: [
    'CHANGED',
    'was put back to an earlier state, and changed again: the trail tells of two changes of one state',
  ],
};

/** What is wrong with a row that grants something. */
export function faultOfGrant({ flaw, id, table }: GrantEvidence): TrailFault {
  const [kind, what] = kindsOfGrants[flaw];
  return faultOfRow(kind, table, `${table} ${id} ${what}`);
}

/** A fault of a row, which is in no stream: its table stands for that. */
export function faultOfRow(kind: TrailFaultKind, table: string, message: string): TrailFault {
  return { kind, stream: table, sequence: 0, message };
}
