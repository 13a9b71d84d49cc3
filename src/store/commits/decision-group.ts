import assert from 'node:assert/strict';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type {
  Decision,
  DecisionTarget,
  FoundCredential,
  FoundMatches,
} from '../../vault/credentials/decision-ports.ts';
import { notFound, type VaultError } from '../../vault/errors.ts';
import { requestInProgress } from '../../vault/requests/mutation-call.ts';
import type { Keeping } from '../../vault/requests/ports.ts';
import { findTaken, type Claim, type Taken } from '../credentials/credential-claims.ts';
import { findForDecisions, type FoundForDecisions } from '../credentials/credential-finding.ts';
import type { CredentialGuard } from '../credentials/credential-guard.ts';
import { canceled } from '../postgres/connect/database-failure.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import type { Fragment } from '../postgres/statements/statement.ts';
import { claimRequests, KeptRequests, type ClaimedIds } from '../requests/claimed-requests.ts';
import type { RequestRecords } from '../requests/request-records.ts';
import { GroupState, isPreviewOf } from './group-state.ts';

/** The outcome of a decision before it is durable. */
export interface Attempted {
  readonly decision: Decision<unknown>;
  /** The answer as it is kept under the request id. */
  readonly kept?: Uint8Array | undefined;
  /** @param groupSize the number of decisions that share the transaction */
  readonly settle: (groupSize: number) => void;
}

/** A decision that waits to be committed. */
export interface DecisionWrite {
  readonly kind: 'decision';
  readonly target: DecisionTarget;
  /** Decides; `settle` answers or refuses once the decision is durable. */
  readonly attempt: (
    found: FoundCredential | undefined,
    isRevoked: boolean,
    matches: FoundMatches | undefined,
  ) => Attempted;
  readonly reject: (error: unknown) => void;
  /** Given if the answer is kept under a request id. */
  readonly keeping?: Keeping<never> | undefined;
}

/** What decisions work with. */
export interface DecisionTools {
  readonly guard: CredentialGuard;
  readonly records: RequestRecords;
}

/** What a transaction is about to write. */
export interface Prepared {
  readonly events: readonly AuditEvent[];
  readonly fragments: readonly Fragment[];
  /** Answers all callers; to be called once the writes are durable. */
  readonly settle: () => void;
  /** The decisions that have to wait for the next transaction. */
  readonly deferred: readonly DecisionWrite[];
  /** Prepares again after a constraint refused the writes; undefined if the decision that caused it cannot be determined. */
  readonly amend?: (() => Promise<Prepared | undefined>) | undefined;
}

/**
 * Decides a group in order, each decision on the state that the ones before it left, as if each had its own transaction. Where
 * that cannot be guaranteed, the rest is deferred to the next transaction; the first decision never is.
 */
export async function decideGroup(
  transaction: Transaction,
  writes: readonly DecisionWrite[],
  tools: DecisionTools,
): Promise<Prepared> {
  const targets = writes.map(({ target }) => target);
  const claims = writes.flatMap(({ keeping }) => keeping?.claim ?? []);
  const find = () => findForDecisions(transaction, targets, tools.guard);
  if (claims.length === 0) return decideFound({ transaction, writes, tools, found: await find() });
  // In one round trip, the claims first.
  const [claimed, found] = await Promise.all([claimRequests(transaction, tools.records, claims), find()]);
  return decideFound({ transaction, writes, tools, found, claimed });
}

function decideFound(group: Group): Prepared {
  return decideAll(group, { ids: new Set(), names: group.found.takenNames });
}

/** Decisions, and what the database has for them. */
interface Group {
  readonly transaction: Transaction;
  readonly writes: readonly DecisionWrite[];
  readonly tools: DecisionTools;
  readonly found: FoundForDecisions;
  /** The request ids that are free; undefined if no write has one. */
  readonly claimed?: ClaimedIds;
}

function decideAll(group: Group, taken: Taken): Prepared {
  const { claimed, found, tools, writes } = group;
  const state = new GroupState(found, taken, tools.guard);
  const requests = claimed && new KeptRequests(tools.records, claimed);
  const events: AuditEvent[] = [];
  const settlements: ((groupSize: number) => void)[] = [];
  for (const [index, write] of writes.entries()) {
    const { target } = write;
    const refuse = (error: unknown) => settlements.push(() => write.reject(error));
    if (writes.length > 1 && target.signal.aborted) {
      refuse(canceled(target.signal));
      continue;
    }
    if (write.keeping && !requests?.isFree(write.keeping.claim)) {
      refuse(refusalOfTaken(write.keeping, state.find(target, index)));
      continue;
    }
    if (!state.isCurrent(target)) return prepared(index);
    const finding = state.find(target, index);
    const isRevoked = target.revocationCheck !== undefined && found.revokedIds.has(target.revocationCheck.id);
    const attempted = attempt(write, { finding, isRevoked, matches: found.byMatch.get(index)?.matches });
    if ('error' in attempted) {
      refuse(attempted.error);
      continue;
    }
    const { decision } = attempted;
    const applied = state.apply(target, decision);
    if (applied === 'deferred') return prepared(index);
    if (applied !== 'applied') {
      refuse(applied);
      continue;
    }
    if (write.keeping && attempted.kept) requests?.keep(write.keeping.claim, attempted.kept);
    settlements.push(attempted.settle);
    if (isPreviewOf(decision)) continue;
    for (const event of state.eventsOf(decision, finding)) events.push(event);
  }
  return prepared(writes.length);

  function prepared(end: number): Prepared {
    assert(end > 0, 'a group without any decision would never end');
    const settle = () => settlements.forEach((one) => one(end));
    const amend = state.claims.length > 0 ? () => decideAgain(group, taken, state.claims) : undefined;
    const fragments = [...state.writes(), ...(requests?.writes() ?? [])];
    return { events, fragments, settle, deferred: writes.slice(end), amend };
  }
}

/** The scope of the caller's key comes before an earlier answer. */
function refusalOfTaken({ isVisible }: Keeping<never>, found: FoundCredential | undefined): VaultError {
  const isHidden = found !== undefined && isVisible?.(found.credential) === false;
  return isHidden ? notFound('credential', found.credential.id) : requestInProgress();
}

/** Another process may have taken an id or a name since it was looked up: only the decisions that claim it are refused. */
async function decideAgain(group: Group, taken: Taken, claims: readonly Claim[]): Promise<Prepared | undefined> {
  const { ids, names } = await findTaken(group.transaction, claims);
  if (ids.size + names.size === 0) return undefined;
  return decideAll(group, { ids: new Set([...taken.ids, ...ids]), names: new Set([...taken.names, ...names]) });
}

/** What a decision decides on. */
interface FoundForDecision {
  readonly finding: FoundCredential | undefined;
  readonly isRevoked: boolean;
  readonly matches: FoundMatches | undefined;
}

/** An error that a decision throws is returned, so that it fails only its own caller. */
function attempt(write: DecisionWrite, { finding, isRevoked, matches }: FoundForDecision) {
  try {
    return write.attempt(finding, isRevoked, matches);
  } catch (error) {
    return { error };
  }
}
