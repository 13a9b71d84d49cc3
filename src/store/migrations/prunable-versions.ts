import { Migration } from '@mikro-orm/migrations';
import { createFunctionOfDue, dueRowsCondition } from './due-functions.ts';

const selectPrunable = `
  select v.workspace_id, v.credential_id, v.created_at
  from credential_version v
  join credential c on c.workspace_id = v.workspace_id and c.id = v.credential_id
  where v.version > 1 and v.created_at <= clock
    and (v.created_at, v.workspace_id, v.credential_id) > (after_at, after_workspace, after_id)
    and v.version > coalesce(c.oldest_version, 1) and v.version <= c.current_version
    and exists (select from workspace w where w.id = v.workspace_id and w.deleted_at is null)
  order by v.created_at, v.workspace_id, v.credential_id
  limit most`;

/**
 * Versions are pruned by their age in the background. A function answers which credentials have versions that were superseded
 * before a time, in the order in which they were. The first version supersedes none, so that creating a credential writes nothing
 * to the index.
 */
export class PrunableVersionsMigration extends Migration {
  override up(): void {
    this.addSql(`
      create index credential_version_superseding_index
        on credential_version (created_at, workspace_id, credential_id) where version > 1`);
    this.addSql(
      `create policy due_rows on credential_version for select using (${dueRowsCondition('credential_version')})`,
    );
    this.addSql(createFunctionOfDue('due_prunes', selectPrunable));
  }
}
