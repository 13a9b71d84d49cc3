import { Migration } from '@mikro-orm/migrations';

const isDeleted = `exists (select 1 from workspace w where w.id = credential_version.workspace_id and w.deleted_at is not null)`;
const isSuperseded = `version < (select c.current_version from credential c where c.workspace_id = credential_version.workspace_id and c.id = credential_version.credential_id)`;

/**
 * Versions may be destroyed, which leaves their rows without bytes, and pruned, which deletes rows that are not current. The
 * server's role may mark a version as destroyed but not write sealed bytes: a trigger removes them.
 */
export class KeptVersionsMigration extends Migration {
  override up(): void {
    this.addSql('alter table credential add column oldest_version int');
    this.addSql('alter table credential_version alter column sealed drop not null, alter column key_id drop not null');
    this.addSql(`alter policy deleted_workspaces on credential_version using (${isDeleted} or ${isSuperseded})`);
    this.addSql(`
      create function coffer_empty_destroyed_version() returns trigger language plpgsql set search_path = pg_catalog as $$
      begin
        new.sealed := null;
        new.key_id := null;
        return new;
      end $$`);
    this.addSql(`
      create trigger credential_version_destroyed before update on credential_version
        for each row when (new.state = 'destroyed') execute function coffer_empty_destroyed_version()`);
  }
}
