import { Migration } from '@mikro-orm/migrations';

const tenantTables = ['workspace_key', 'credential', 'credential_version'];

/**
 * Workspaces can be deleted. Their rows remain, since others refer to them, and their contents are purged. A policy prevents any
 * other deletion from tenant tables, whatever rights the role of the server has.
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
