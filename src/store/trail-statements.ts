import { advisoryLocks } from './advisory-locks.ts';
import type { Statement } from './statement.ts';

/** The place of an event. */
export interface HeadRow {
  readonly stream: string;
  readonly seq: number;
  readonly mac: Uint8Array;
}

/** Holds off all others who add to the ledger, until the transaction ends. */
export const lockLedger: Statement = {
  name: 'lock ledger',
  text: 'select pg_advisory_xact_lock($1, $2)',
  values: [...advisoryLocks.ledger],
};

/** The whole ledger, in order: a line a start, and one each time that events were pruned. */
export const findLedger: Statement = {
  name: 'ledger',
  text: 'select number, kind, stream, time, heads, mac from audit_ledger order by number',
  values: [],
};

/** The last event of a stream. */
export function findLastEvent(stream: string): Statement {
  return {
    name: 'last event',
    text: 'select stream, seq, mac from audit_event where stream = $1 order by seq desc limit 1',
    values: [stream],
  };
}

/** The last event of every stream that the ledger knows. */
export const findHeadsOfStreams: Statement = {
  name: 'heads of streams',
  text: `
    select e.stream, e.seq, e.mac from audit_ledger l
    cross join lateral (
      select stream, seq, mac from audit_event where stream = l.stream order by seq desc limit 1
    ) e
    where l.kind = 'begin' order by e.stream`,
  values: [],
};
