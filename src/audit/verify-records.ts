import type { TrailFault, TrailFaultKind } from '../vault/audit/verification.ts';
import type { CredentialEvidence, GrantEvidence, GrantFlaw } from '../vault/audit/ports.ts';

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
