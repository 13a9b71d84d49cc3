import { Migration } from '@mikro-orm/migrations';
import { dueRowsCondition } from './due-functions.ts';

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
    this.addSql(`
      do $do$ begin
        execute format($format$
          create function due_prunes(clock timestamptz, after_at timestamptz, after_workspace uuid, after_id uuid, most int)
          returns table (workspace_id uuid, id uuid, due_at timestamptz)
          language sql stable security definer set search_path = %I, pg_temp set coffer.due_rows = 'shown' as $body$
            select v.workspace_id, v.credential_id, v.created_at
            from credential_version v
            join credential c on c.workspace_id = v.workspace_id and c.id = v.credential_id
            where v.version > 1 and v.created_at <= clock
              and (v.created_at, v.workspace_id, v.credential_id) > (after_at, after_workspace, after_id)
              and v.version > coalesce(c.oldest_version, 1) and v.version <= c.current_version
              and exists (select from workspace w where w.id = v.workspace_id and w.deleted_at is null)
            order by v.created_at, v.workspace_id, v.credential_id
            limit most
          $body$
        $format$, current_schema());
        revoke all on function due_prunes from public;
      end $do$`);
  }
}
