import type { DuePlace } from '../../vault/worker-task.ts';
import { credentialProperties, keyOf, type SignedCredential } from './credential-row.ts';
import { selectList, type Statement } from '../postgres/statements/statement.ts';

/*
 * Hand-written: a batch of a worker changes up to 200 rows of any workspaces in two round trips, while the writes of its process
 * wait.
 */

/** What must still hold of a row that was found due, once its lock is taken. */
const conditions = {
  purge: 'c.purge_at <= least($3::timestamptz, now()) and c.deleted_at is not null and c.purged_at is null',
  notice: 'c.notice_at <= $3::timestamptz and c.deleted_at is null',
  prune: 'c.created_at <= $3::timestamptz and c.current_version > coalesce(c.oldest_version, 1)',
} as const;

/** Claims the rows of due credentials, without those that another transaction has locked. */
export function claimDue(kind: keyof typeof conditions, places: readonly DuePlace[], now: Date): Statement {
  return {
    name: `claim due ${kind}`,
    text: `
      select ${selectList('f', [...credentialProperties, 'mac'])}
      from unnest($1::uuid[], $2::uuid[]) as p (workspace_id, value)
      cross join lateral (
        select * from credential c where c.workspace_id = p.workspace_id and c.id = p.value and ${conditions[kind]}
        offset 0 for no key update skip locked
      ) f`,
    values: [places.map(({ workspaceId }) => workspaceId), places.map(({ id }) => id), now],
  };
}

/** Sets when the next notices are due, which is no new revision. */
export function setNoticeTimes(
  notices: readonly { readonly workspaceId: string; readonly id: string; readonly noticeAt: Date | null }[],
): Statement {
  return {
    name: 'set notice times',
    text: `
      update credential c set notice_at = n.notice_at
      from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as n (workspace_id, id, notice_at)
      where c.workspace_id = n.workspace_id and c.id = n.id`,
    values: [
      notices.map(({ workspaceId }) => workspaceId),
      notices.map(({ id }) => id),
      notices.map(({ noticeAt }) => noticeAt),
    ],
  };
}

/** The tables whose rows belong to one credential, by `workspace_id` and `credential_id`. */
const contents = ['credential_version', 'credential_consumer'] as const;

/**
 * The statements that delete the contents of purged credentials and reset their uses, to be run after their rows were cleared: the
 * database lets contents go only then.
 */
export function deleteContents(purged: readonly SignedCredential[]): readonly Statement[] {
  const credentials = new Map(purged.map(({ credential }) => [keyOf(credential), credential])).values();
  const rows = [...credentials];
  const values = [rows.map(({ workspaceId }) => workspaceId), rows.map(({ id }) => id)];
  const deletions = contents.map((table) => ({
    name: `-${table} of purged`,
    text: `
      delete from ${table} t using unnest($1::uuid[], $2::uuid[]) as p (workspace_id, id)
      where t.workspace_id = p.workspace_id and t.credential_id = p.id`,
    values,
  }));
  const resetUses = {
    name: 'reset uses of purged',
    text: `
      update credential c set last_used_at = null, use_count = 0
      from unnest($1::uuid[], $2::uuid[]) as p (workspace_id, id)
      where c.workspace_id = p.workspace_id and c.id = p.id`,
    values,
  };
  return [...deletions, resetUses];
}
