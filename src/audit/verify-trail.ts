import { spellHead, type AuditChain, type AuditHead, type StreamHead } from '../vault/audit-ports.ts';
import type { AuditTrailReader, TrailFault, TrailVerification } from '../vault/audit-trail.ts';
import { verifyLedger } from './verify-ledger.ts';
import { StreamCheck } from './stream-check.ts';

/** The most faults that are told, of the whole trail; the first of each stream are. */
const faultsMax = 100;

/** What verifying works with. */
export interface Verifying {
  readonly chain: AuditChain;
  readonly trail: AuditTrailReader;
  /** Heads that must be there, by stream: those that were logged or kept elsewhere. */
  readonly expected: ReadonlyMap<string, AuditHead>;
  /** The head of this process, which must be there, too. */
  readonly own: StreamHead | undefined;
}

/** Reads the whole trail as it was at one moment, a part of it in memory at a time, and tells what of it is not as it was written. */
export async function verifyTrail({ chain, trail, expected, own }: Verifying): Promise<TrailVerification> {
  const ledger = verifyLedger(chain, trail.ledger);
  const known = [...ledger.heads, ...expected, ...(own ? [[own.stream, own] as const] : [])];
  const faults: TrailFault[] = [...ledger.faults];
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
    faults.push(...ended.end());
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
  return { intact: faults.length === 0, eventCount, heads, faults: faults.slice(0, faultsMax) };
}
