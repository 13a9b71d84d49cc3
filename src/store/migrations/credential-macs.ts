import { Migration } from '@mikro-orm/migrations';

/**
 * Credentials get a MAC, and events record the state after the change. Existing rows are signed at the next start, which records
 * it in the ledger: the key is not available to a migration.
 */
export class CredentialMacsMigration extends Migration {
  override up(): void {
    this.addSql('alter table credential add column mac bytea');
    this.addSql('alter table audit_event add column resource_state text');
    this.addSql(`
      alter table audit_ledger drop constraint audit_ledger_kind_check,
        add constraint audit_ledger_kind_check check (kind in ('begin', 'prune', 'sign'))`);
  }
}
