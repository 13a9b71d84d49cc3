import assert from 'node:assert/strict';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type { Decision, FoundCredential, FoundMatches, JointTarget } from '../../vault/credentials/decision-ports.ts';
import { VaultError } from '../../vault/errors.ts';
import type { Keeping } from '../../vault/requests/ports.ts';
import { findTaken, type Claim, type Taken } from '../credentials/credential-claims.ts';
import { findForDecisions, type FoundForDecisions } from '../credentials/credential-finding.ts';
import { findRevokedId } from '../identity/revocation.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import type { KeptRequests } from '../requests/claimed-requests.ts';
import type { DecisionTools, Prepared } from './decision-group.ts';
import { GroupState } from './group-state.ts';
import { claimOne } from './standalone-write.ts';

/** Decisions of one call that wait to be committed. They share their transaction with no other call. */
export interface JointWrite {
  readonly kind: 'joint';
  readonly targets: readonly JointTarget[];
  readonly isAtomic: boolean;
  readonly checkedId: string | undefined;
  readonly signal: AbortSignal;
  readonly attempt: (
    found: readonly (FoundCredential | undefined)[],
    isRevoked: boolean,
    matches: readonly (FoundMatches | undefined)[],
  ) => JointAttempt;
  readonly reject: (error: unknown) => void;
  /** Given if the answer is kept under a request id. */
  readonly keeping: Keeping<never> | undefined;
}

/** The outcomes of decisions before they are durable. */
export interface JointAttempt {
  readonly decisions: readonly (Decision<unknown> | VaultError)[];
  /** @param collisions the refusals of decisions that claim the id or the name of another credential, by their index */
  readonly conclude: (collisions: ReadonlyMap<number, VaultError>) => JointConclusion;
}

/** The answer to the call. */
export interface JointConclusion {
  /** As it is kept under the request id. */
  readonly kept: Uint8Array | undefined;
  readonly settle: () => void;
}

/** The decisions of a call, and what the database has for them. */
interface Joint {
  readonly transaction: Transaction;
  readonly write: JointWrite;
  readonly tools: DecisionTools;
  readonly found: FoundForDecisions;
  readonly requests: KeptRequests | undefined;
  readonly isRevoked: boolean;
}

/** Decides on several credentials, and prepares what their decisions write in one transaction. */
export async function decideJoint(
  transaction: Transaction,
  write: JointWrite,
  tools: DecisionTools,
): Promise<Prepared> {
  const { checkedId, keeping, targets } = write;
  const requests = keeping && (await claimOne(transaction, tools.records, keeping));
  const [found, isRevoked] = await Promise.all([
    findForDecisions(transaction, targets, tools.guard),
    checkedId !== undefined && isRevokedNow(transaction, checkedId),
  ]);
  return prepare(
    { transaction, write, tools, found, isRevoked, requests },
    { ids: new Set(), names: found.takenNames },
  );
}

function prepare(joint: Joint, taken: Taken): Prepared {
  const { found, isRevoked, requests, tools, write } = joint;
  const state = new GroupState(found, taken, tools.guard);
  const findings = write.targets.map((target, index) => state.find(target, index));
  const matches = write.targets.map((_, index) => found.byMatch.get(index)?.matches);
  const { conclude, decisions } = write.attempt(findings, isRevoked, matches);
  assert.equal(decisions.length, write.targets.length, 'each target has its decision');
  const { events, refusals, failures, collisions } = applyAll(state, write.targets, decisions);
  const [failed] = failures;
  if (write.isAtomic && failed) return refuseAll(joint, failed, refusals);
  const { kept, settle } = conclude(collisions);
  if (write.keeping && kept) requests?.keep(write.keeping.claim, kept);
  const amend = state.claims.length > 0 ? () => prepareAgain(joint, taken, state.claims) : undefined;
  const fragments = [...state.writes(), ...(requests?.writes() ?? [])];
  return { events, fragments, settle, deferred: [], amend };
}

/** A decision that has failed: its index, and its error. */
type Failure = readonly [number, VaultError];

/** What decisions leave, beside the state. */
interface Applied {
  readonly events: AuditEvent[];
  /** The events of refusals, which are in `events` as well. */
  readonly refusals: AuditEvent[];
  readonly failures: Failure[];
  readonly collisions: Map<number, VaultError>;
}

function applyAll(
  state: GroupState,
  targets: readonly JointTarget[],
  decisions: JointAttempt['decisions'],
): Readonly<Applied> {
  const applied: Applied = { events: [], refusals: [], failures: [], collisions: new Map() };
  for (const [index, target] of targets.entries()) {
    const decision = decisions[index];
    assert(decision);
    const collision = decision instanceof VaultError ? undefined : state.apply(target, decision);
    assert(collision !== 'deferred', 'an exclusive name is not both released and taken');
    if (decision instanceof VaultError) {
      applied.failures.push([index, decision]);
    } else if (collision instanceof VaultError) {
      applied.failures.push([index, collision]);
      applied.collisions.set(index, collision);
    } else {
      const events = state.eventsOf(decision, state.find(target, index));
      applied.events.push(...events);
      if (!('refusal' in decision)) continue;
      applied.refusals.push(...events);
      applied.failures.push([index, decision.refusal]);
    }
  }
  return applied;
}

/** Refuses all decisions because of one. */
function refuseAll({ requests, write }: Joint, [item, error]: Failure, events: readonly AuditEvent[]): Prepared {
  const refusal = new VaultError(error.code, error.message, { ...error.details, item }, { cause: error });
  return { events, fragments: requests?.writes() ?? [], settle: () => write.reject(refusal), deferred: [] };
}

/** Another process may have taken an id or a name since it was looked up. */
async function prepareAgain(joint: Joint, taken: Taken, claims: readonly Claim[]): Promise<Prepared | undefined> {
  const { ids, names } = await findTaken(joint.transaction, claims);
  if (ids.size + names.size === 0) return undefined;
  return prepare(joint, { ids: new Set([...taken.ids, ...ids]), names: new Set([...taken.names, ...names]) });
}

async function isRevokedNow(transaction: Transaction, id: string): Promise<boolean> {
  const [row] = await transaction.run<{ readonly revokedIds: readonly string[] | null }>(findRevokedId(id));
  return row?.revokedIds?.includes(id) === true;
}
