import { Migration } from '@mikro-orm/migrations';

/**
 * Events become parts of a chain, with a ledger of its streams. Events of builds before the first release are deleted: chaining
 * them requires the key, which is not available to a migration, and without a chain they would look like inserted ones.
 */
export class AuditChainMigration extends Migration {
  override up(): void {
    this.addSql('delete from audit_event');
    this.addSql(`
      alter table audit_event
        drop constraint audit_event_pkey,
        add column stream uuid not null,
        add column seq bigint not null,
        add column prev bytea not null,
        add column mac bytea not null,
        add column count int not null,
        add primary key (stream, seq)`);
    this.addSql('create index audit_event_list_index on audit_event (workspace_id, id)');
    this.addSql(`
      create table audit_ledger (
        number bigint not null primary key,
        kind text not null constraint audit_ledger_kind_check check (kind in ('begin', 'prune')),
        stream uuid not null,
        time timestamptz(3) not null,
        heads text not null,
        mac bytea not null
      )`);
  }
}
