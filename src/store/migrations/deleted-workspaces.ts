import { Migration } from '@mikro-orm/migrations';

const tenantTables = ['workspace_key', 'credential', 'credential_version'];

/**
 * Workspaces are deleted: their rows stay, since others refer to them, and what belongs to them goes. Nothing else may be
 * deleted from the tables of tenants, whatever the server's role is granted.
 */
export class DeletedWorkspacesMigration extends Migration {
  override up(): void {
    this.addSql('alter table workspace add column deleted_at timestamptz(3), add column purged_at timestamptz(3)');
    this.addSql(
      'create index workspace_unpurged_index on workspace (deleted_at) where deleted_at is not null and purged_at is null',
    );
    for (const table of tenantTables) {
      const isDeleted = `exists (select 1 from workspace w where w.id = ${table}.workspace_id and w.deleted_at is not null)`;
      this.addSql(`create policy deleted_workspaces on ${table} as restrictive for delete using (${isDeleted})`);
    }
  }
}
