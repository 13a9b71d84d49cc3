import { Migration } from '@mikro-orm/migrations';

const tenantTables = ['workspace_key', 'credential', 'credential_version'];

/**
 * Lets the planner find credentials by their keys from the first row on, also before it has statistics. On a small table
 * all indexes cost it the same, and a plan that was cached then stays while the table grows.
 *
 * @see docs/decisions/0014-plans-that-do-not-flip.md
 */
export class SettledPlansMigration extends Migration {
  override up(): void {
    // A condition that an index could take would hide from the planner that a whole key finds one row.
    const own = `(workspace_id = any ((select string_to_array(current_setting('coffer.workspaces', true), ',')::uuid[] as workspaces)::uuid[])) is true`;
    for (const table of tenantTables) {
      this.addSql(`alter policy own_workspaces on ${table} using (${own}) with check (${own})`);
    }
    // Of indexes that cost the same, the planner takes the one that was made last.
    const references = 'foreign key (workspace_id, credential_id) references credential (workspace_id, id)';
    this.addSql('alter table credential_version drop constraint credential_version_credential_foreign');
    this.addSql('alter table credential drop constraint credential_pkey');
    this.addSql('alter table credential add constraint credential_pkey primary key (workspace_id, id)');
    this.addSql(`alter table credential_version add constraint credential_version_credential_foreign ${references}`);
  }
}
