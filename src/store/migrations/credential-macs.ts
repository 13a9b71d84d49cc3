import { Migration } from '@mikro-orm/migrations';

/**
 * Credentials get a MAC, and events tell the state that they left. Rows that are there get theirs at the next start, which
 * says so in the ledger: the key is not here.
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
