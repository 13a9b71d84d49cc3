import { Migration } from '@mikro-orm/migrations';
import { createFunctionOfDue, dueRowsCondition } from './due-functions.ts';

const isDeleted = `exists (select 1 from workspace w where w.id = workspace_key.workspace_id and w.deleted_at is not null)`;
const isReplaced = `exists (select 1 from key_rotation r where r.workspace_id = workspace_key.workspace_id and r.key_id = workspace_key.key_id and r.ended_at is null)`;

/** Holds for every key: statements without this condition, which look up the keys of one workspace, cannot use the index. */
const any = `created_at > '-infinity'`;

const selectAged = `
  select k.workspace_id, k.workspace_id, k.created_at
  from workspace_key k
  where k.created_at <= clock and k.created_at > '-infinity'
    and (k.created_at, k.workspace_id, k.workspace_id) > (after_at, after_workspace, after_id)
    and not exists (select from workspace_key n where n.workspace_id = k.workspace_id and n.created_at > k.created_at)
    and not exists (select from key_rotation r where r.workspace_id = k.workspace_id and r.ended_at is null)
    and exists (select from workspace w where w.id = k.workspace_id and w.deleted_at is null)
  order by k.created_at, k.workspace_id
  limit most`;

/**
 * Writes versions that were sealed again, only in place of bytes under a key that is being replaced. Without row locks that
 * others hold: a version that is being destroyed or pruned is left to them. It runs as its owner, since the server's role may not
 * write sealed bytes; row-level security still limits it to the workspaces of the session.
 */
const createResealFunction = `
  do $do$ begin
    execute format($format$
      create function reseal_versions(
        workspace uuid, former_key bytea, present_key bytea, credentials uuid[], versions int[], contents bytea[], macs bytea[])
      returns int language plpgsql security definer set search_path = %I, pg_temp as $body$
      declare
        written int;
      begin
        if not exists (
          select from key_rotation r where r.workspace_id = workspace and r.key_id = former_key and r.ended_at is null
        ) then
          return 0;
        end if;
        with claimed as materialized (
          select n.* from unnest(credentials, versions, contents, macs) as n (credential_id, version, sealed, mac)
          cross join lateral (
            select from credential_version v
            where v.workspace_id = workspace and v.credential_id = n.credential_id and v.version = n.version
              and v.key_id = former_key
            offset 0 for no key update skip locked
          ) l
        )
        update credential_version v set sealed = c.sealed, key_id = present_key, mac = c.mac
        from claimed c
        where v.workspace_id = workspace and v.credential_id = c.credential_id and v.version = c.version;
        get diagnostics written = row_count;
        return written;
      end
      $body$
    $format$, current_schema());
    revoke all on function reseal_versions from public;
  end $do$`;

/**
 * Keys of workspaces can be replaced. The database itself proves that no version is sealed with a key before it lets the key go:
 * versions refer to their keys. Of stored versions this is checked when their key is deleted, so that the migration need not
 * read them, and those of deleted workspaces whose keys are gone do not stop it.
 */
export class WorkspaceKeyRotationMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table key_rotation (
        workspace_id uuid not null constraint key_rotation_workspace_id_foreign references workspace (id),
        key_id bytea not null,
        key_created_at timestamptz(3) not null,
        started_at timestamptz(3) not null,
        updated_at timestamptz(3) not null,
        ended_at timestamptz(3),
        event_id uuid,
        total int,
        done int not null,
        unreadable int not null,
        versions_per_second real not null,
        after_credential uuid,
        after_version int,
        primary key (workspace_id, key_id)
      )`);
    this.addSql(`
      create index key_rotation_pending_index on key_rotation (started_at, workspace_id, key_id) where ended_at is null`);
    this.addSql(`
      alter table credential_version add constraint credential_version_key_foreign
        foreign key (workspace_id, key_id) references workspace_key (workspace_id, key_id) not valid`);
    this.addSql(`alter policy deleted_workspaces on workspace_key using (${isDeleted} or ${isReplaced})`);
    this.addSql(`
      create trigger notify_workspace_keys after insert or delete on workspace_key for each row
        execute function tell_grant_change('workspace_key', 'workspace_id')`);
    this.addSql('alter table keyring add column rotated_at timestamptz(3)');
    this.addSql(`create index workspace_key_age_index on workspace_key (created_at, workspace_id) where ${any}`);
    this.addSql(`create policy due_rows on workspace_key for select using (${dueRowsCondition('workspace_key')})`);
    this.addSql(createFunctionOfDue('due_key_rotations', selectAged));
    this.addSql(createResealFunction);
  }
}
