import { Migration } from '@mikro-orm/migrations';

/**
 * Workspaces and versions get a MAC, and the MACs of users and API keys include their names. Existing rows are signed at the next
 * start, which records each table in the ledger: the key is not available to a migration.
 */
export class SignedNamesMigration extends Migration {
  override up(): void {
    this.addSql('alter table workspace add column mac bytea');
    this.addSql(`
      alter table credential_version add column mac bytea,
        add column state text not null default 'enabled'
          constraint credential_version_state_check check (state in ('enabled', 'destroyed'))`);
    this.addSql(`
      alter table audit_ledger drop constraint audit_ledger_kind_check,
        add constraint audit_ledger_kind_check check (kind in ('begin', 'prune', 'sign', 'format'))`);
  }
}
