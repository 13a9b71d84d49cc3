import assert from 'node:assert/strict';
import type { CredentialReference, CredentialUse, Decision, DecisionTarget } from '../vault/ports.ts';
import { insertAuditEvent } from './audit-event-row.ts';
import {
  changeableValuesOf,
  credentialProperties,
  newValuesOf,
  versionValuesOf,
  type CredentialRow,
} from './credential-row.ts';
import { columnOf, insertInto, selectList, together, updateRow, type Fragment, type Statement } from './statement.ts';

const credentialColumns = selectList('c', credentialProperties);
const sealedColumns =
  'v.version, v.sealed, v.key_id as "keyId", v.created_by as "versionCreatedBy", v.created_at as "versionCreatedAt"';

/** Finds the credential that a decision is about, without its secret, and takes its row's lock where wanted. */
export function findCredential(target: DecisionTarget, reference: CredentialReference): Statement {
  const { suffix, condition, values } = conditionOf(target, reference);
  // Not `for update`, which would also wait for those who merely refer to the row by a foreign key.
  const lock = target.lock ? ' for no key update' : '';
  return {
    name: `credential by ${suffix}${target.lock ? ', locked' : ''}`,
    text: `select ${credentialColumns} from credential c where ${condition}${lock}`,
    values,
  };
}

/** Finds a credential and its current sealed version at one moment, without a lock. */
export function findSealedCredential(target: DecisionTarget, reference: CredentialReference): Statement {
  const { suffix, condition, values } = conditionOf(target, reference);
  return {
    name: `sealed credential by ${suffix}`,
    text:
      `select ${credentialColumns}, ${sealedColumns} from credential c join credential_version v` +
      ' on v.workspace_id = c.workspace_id and v.credential_id = c.id and v.version = c.current_version' +
      ` where ${condition}`,
    values,
  };
}

/**
 * Finds the current sealed version of a credential whose lock was taken. It is a statement of its own, since PostgreSQL
 * would join the row that it waited for with the version that was current before the wait, and find nothing.
 */
export function findSealedVersion({ workspaceId, id, currentVersion }: CredentialRow): Statement {
  return {
    name: 'sealed version',
    text:
      `select ${sealedColumns} from credential_version v` +
      ' where v.workspace_id = $1 and v.credential_id = $2 and v.version = $3',
    values: [workspaceId, id, currentVersion],
  };
}

/** Writes what was decided, and the event of it, in one statement. */
export function writeDecision<Answer>(target: DecisionTarget, decision: Decision<Answer>): Statement {
  const writes = 'refusal' in decision ? [] : writesOf(target, decision);
  const [first, ...rest] = [...writes, insertAuditEvent(decision.event)];
  assert(first);
  return together(first, ...rest);
}

/**
 * Adds uses, in one statement. The rows are locked in the order of their ids, so that processes which flush at the same
 * time wait for one another instead of deadlocking; and a revision is not touched, so that etags stay as they are.
 */
export function addUses(uses: readonly CredentialUse[]): Statement {
  return {
    name: 'add uses',
    text: `
      with used as (
        select workspace_id, id, max(last_used_at) as last_used_at, sum(uses) as uses
        from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::bigint[]) as u (workspace_id, id, last_used_at, uses)
        group by workspace_id, id
      ), locked as (
        select c.workspace_id, c.id from credential c join used using (workspace_id, id)
        order by c.workspace_id, c.id
        for no key update of c
      )
      update credential c
      set last_used_at = greatest(c.last_used_at, used.last_used_at), use_count = c.use_count + used.uses
      from used join locked using (workspace_id, id)
      where c.workspace_id = used.workspace_id and c.id = used.id`,
    values: [
      uses.map(({ workspaceId }) => workspaceId),
      uses.map(({ credentialId }) => credentialId),
      uses.map(({ lastUsedAt }) => lastUsedAt),
      uses.map((use) => use.uses),
    ],
  };
}

/** Conditions, and the order where several credentials may fit. */
function conditionOf({ deletedToo, lock, workspaceId }: DecisionTarget, reference: CredentialReference) {
  const [property, value] = namedBy(reference);
  assert(property !== 'name' || !lock, 'a name is not for changing');
  const liveness = deletedToo ? '' : ' and c.deleted_at is null';
  const choice = property === 'name' ? ' order by c.exclusive_name, c.created_at, c.id limit 1' : '';
  return {
    suffix: `${columnOf(property)}${deletedToo ? ', deleted too' : ''}`,
    condition: `c.workspace_id = $1 and c.${columnOf(property)} = $2${liveness}${choice}`,
    values: [workspaceId, value],
  };
}

function namedBy(reference: CredentialReference): readonly [property: string, value: string] {
  if ('id' in reference) return ['id', reference.id];
  return 'name' in reference ? ['name', reference.name] : ['shortId', reference.shortId];
}

function writesOf<Answer>(
  { workspaceId, lock }: DecisionTarget,
  { insert, update }: Extract<Decision<Answer>, { answer: Answer }>,
): Fragment[] {
  const writes: Fragment[] = [];
  if (insert) {
    const { credential, version } = insert;
    assert.equal(credential.workspaceId, workspaceId, 'a decision writes in the workspace of its target');
    writes.push(insertInto('credential', newValuesOf(credential)));
    writes.push(insertInto('credential_version', versionValuesOf(credential, version)));
  }
  if (update) {
    const { credential, version } = update;
    assert(lock, 'a decision that updates must have taken the lock');
    assert.equal(credential.workspaceId, workspaceId, 'a decision writes in the workspace of its target');
    writes.push(updateRow('credential', { workspaceId, id: credential.id }, changeableValuesOf(credential)));
    if (version) writes.push(insertInto('credential_version', versionValuesOf(credential, version)));
  }
  return writes;
}
