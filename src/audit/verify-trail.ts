import { spellHead, type AuditChain, type AuditHead, type LedgerEntry, type StreamHead } from '../vault/audit-ports.ts';
import type { AuditTrailReader, TrailFault, TrailVerification } from '../vault/audit-trail.ts';
import { verifyLedger } from './verify-ledger.ts';
import { StreamCheck } from './stream-check.ts';
import { faultOfCredential, faultOfGrant } from './verify-records.ts';

/** The most faults that are told, of the whole trail; the first of each stream are. */
const faultsMax = 100;

/** What was found to be wrong: all are counted, and the first are kept. */
export class Faults {
  readonly first: TrailFault[] = [];
  count = 0;

  add(...faults: readonly TrailFault[]): void {
    this.count += faults.length;
    this.first.push(...faults.slice(0, faultsMax - this.first.length));
  }
}

/** What verifying works with. */
export interface Verifying {
  readonly chain: AuditChain;
  readonly trail: AuditTrailReader;
  /** Heads that must be there, by stream: those that were logged or kept elsewhere. */
  readonly expected: ReadonlyMap<string, AuditHead>;
  /** The head of this process, which must be there, too. */
  readonly own: StreamHead | undefined;
  /** What is found is added to these. */
  readonly faults: Faults;
}

/** Reads the whole trail as it was at one moment, a part of it in memory at a time, and tells what of it is not as it was written. */
export async function verifyTrail({
  chain,
  trail,
  expected,
  own,
  faults,
}: Verifying): Promise<Pick<TrailVerification, 'eventCount' | 'heads'>> {
  const ledger = verifyLedger(chain, trail.ledger);
  const known = [...ledger.heads, ...expected, ...(own ? [[own.stream, own] as const] : [])];
  faults.add(...ledger.faults);
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
    });
  };
  const end = (ended: StreamCheck) => {
    faults.add(...ended.end());
    if (ended.last) heads.set(ended.stream, spellHead(ended.last));
  };
  for await (const events of trail.read()) {
    for (const chained of events) {
      if (check?.stream !== chained.stream) {
        if (check) end(check);
        check = begin(chained.stream);
      }
      check.take(chained);
      eventCount += 1;
    }
  }
  if (check) end(check);
  for (const stream of [...unread].toSorted()) end(begin(stream));
  await verifyRecords(trail, faults);
  return { eventCount, heads };
}

async function verifyRecords({ ledger, records }: AuditTrailReader, faults: Faults): Promise<void> {
  const timesMs = ledger.filter(excuses).map(({ time }) => time.getTime());
  const untilMs = Math.max(...timesMs.filter((timeMs) => !Number.isNaN(timeMs)));
  for await (const credentials of records.credentials()) {
    for (const evidence of credentials) {
      const fault = faultOfCredential(evidence, untilMs);
      if (fault) faults.add(fault);
    }
  }
  for await (const grants of records.grants()) faults.add(...grants.map(faultOfGrant));
}

/** Events from before may be gone, or tell no states. A line that was made up is told by itself. */
function excuses({ kind }: LedgerEntry): boolean {
  return kind === 'prune' || kind === 'sign';
}
