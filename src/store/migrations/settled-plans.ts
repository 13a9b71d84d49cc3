import { Migration } from '@mikro-orm/migrations';

const tenantTables = ['workspace_key', 'credential', 'credential_version'];

/**
 * Makes the planner use the primary key of credentials even without statistics. In a small table all indexes have the same cost,
 * and a cached plan is kept while the table grows.
 *
 * @see docs/decisions/0014-plans-that-do-not-flip.md
 */
export class SettledPlansMigration extends Migration {
  override up(): void {
    // If an index could serve this condition, the planner would not see that a whole key finds one row.
    const own = `(workspace_id = any ((select string_to_array(current_setting('coffer.workspaces', true), ',')::uuid[] as workspaces)::uuid[])) is true`;
    for (const table of tenantTables) {
      this.addSql(`alter policy own_workspaces on ${table} using (${own}) with check (${own})`);
    }
    // Among indexes of equal cost, the planner uses the newest.
    const references = 'foreign key (workspace_id, credential_id) references credential (workspace_id, id)';
    this.addSql('alter table credential_version drop constraint credential_version_credential_foreign');
    this.addSql('alter table credential drop constraint credential_pkey');
    this.addSql('alter table credential add constraint credential_pkey primary key (workspace_id, id)');
    this.addSql(`alter table credential_version add constraint credential_version_credential_foreign ${references}`);
  }
}
