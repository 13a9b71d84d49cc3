import assert from 'node:assert/strict';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type { Decision, DecisionTarget, FoundCredential } from '../../vault/credentials/ports.ts';
import type { CredentialGuard } from '../credentials/credential-guard.ts';
import { findTaken, type Claim, type Taken } from '../credentials/credential-claims.ts';
import { findForDecisions, type FoundForDecisions } from '../credentials/credential-finding.ts';
import { canceled } from '../postgres/connect/database-failure.ts';
import { GroupState } from './group-state.ts';
import type { Fragment } from '../postgres/statements/statement.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';

/** What a decision chose. */
export interface Attempted {
  readonly decision: Decision<unknown>;
  /** @param groupSize how many share the transaction */
  readonly settle: (groupSize: number) => void;
}

/** A decision that waits to be committed. */
export interface DecisionWrite {
  readonly kind: 'decision';
  readonly target: DecisionTarget;
  /** Decides; `settle` answers or refuses once the decision is durable. */
  readonly attempt: (found: FoundCredential | undefined, isProofEnded: boolean) => Attempted;
  readonly reject: (error: unknown) => void;
}

/** What is to be written in a transaction that has been prepared. */
export interface Prepared {
  readonly events: readonly AuditEvent[];
  readonly fragments: readonly Fragment[];
  /** Answers everybody; to be called once it is durable. */
  readonly settle: () => void;
  /** Those for whom there was no place in this transaction. */
  readonly left: readonly DecisionWrite[];
  /** Prepares anew where a constraint refuses the writes; answers undefined where it is not known whose fault that is. */
  readonly amend?: (() => Promise<Prepared | undefined>) | undefined;
}

/**
 * Lets decisions choose in their order, each upon what those before it have chosen, so that it is as if each had had a
 * transaction of its own. Where that can't be promised, the rest is left to another transaction; the first never is.
 */
export async function decideTogether(
  transaction: Transaction,
  writes: readonly DecisionWrite[],
  guard: CredentialGuard,
): Promise<Prepared> {
  const targets = writes.map(({ target }) => target);
  const found = await findForDecisions(transaction, targets, guard);
  return decideAll({ transaction, writes, guard, found }, { ids: new Set(), names: found.takenNames });
}

/** Decisions, and what was found for them. */
interface Group {
  readonly transaction: Transaction;
  readonly writes: readonly DecisionWrite[];
  readonly guard: CredentialGuard;
  readonly found: FoundForDecisions;
}

function decideAll(group: Group, taken: Taken): Prepared {
  const { found, guard, writes } = group;
  const state = new GroupState(found, taken, guard);
  const events: AuditEvent[] = [];
  const settlements: ((groupSize: number) => void)[] = [];
  for (const [index, write] of writes.entries()) {
    const { target } = write;
    const refuse = (error: unknown) => settlements.push(() => write.reject(error));
    if (writes.length > 1 && target.signal.aborted) {
      refuse(canceled(target.signal));
      continue;
    }
    if (!state.knows(target)) return prepared(index);
    const finding = state.find(target, index);
    const isProofEnded = target.proof !== undefined && found.endedProofs.has(target.proof.id);
    const attempted = attempt(write, finding, isProofEnded);
    if ('error' in attempted) {
      refuse(attempted.error);
      continue;
    }
    const { decision } = attempted;
    const applied = state.apply(target, decision);
    if (applied === 'left') return prepared(index);
    if (applied !== 'applied') {
      refuse(applied);
      continue;
    }
    events.push(tellState(decision.event, state.stateBehind(decision, finding)));
    settlements.push(attempted.settle);
  }
  return prepared(writes.length);

  function prepared(end: number): Prepared {
    assert(end > 0, 'a group that takes nobody would never end');
    const settle = () => settlements.forEach((one) => one(end));
    const amend = state.claims.length > 0 ? () => decideAgain(group, taken, state.claims) : undefined;
    return { events, fragments: state.writes(), settle, left: writes.slice(end), amend };
  }
}

/** Another process may have taken what was free a moment ago: whoever claims that is refused, and nobody else. */
async function decideAgain(group: Group, taken: Taken, claims: readonly Claim[]): Promise<Prepared | undefined> {
  const { ids, names } = await findTaken(group.transaction, claims);
  if (ids.size + names.size === 0) return undefined;
  return decideAll(group, { ids: new Set([...taken.ids, ...ids]), names: new Set([...taken.names, ...names]) });
}

/** The event pins what its credential is like behind it, so that the trail tells of one that is put back. */
function tellState(event: AuditEvent, resourceState: string | undefined): AuditEvent {
  return resourceState === undefined ? event : { ...event, resourceState };
}

/** What a decision throws is its caller's alone. */
function attempt(write: DecisionWrite, found: FoundCredential | undefined, isProofEnded: boolean) {
  try {
    return write.attempt(found, isProofEnded);
  } catch (error) {
    return { error };
  }
}
