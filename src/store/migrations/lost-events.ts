import { Migration } from '@mikro-orm/migrations';

/** The ledger names events that the database lost, and that an operator acknowledged their loss. */
export class LostEventsMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table audit_ledger drop constraint audit_ledger_kind_check,
        add constraint audit_ledger_kind_check
          check (kind in ('begin', 'prune', 'sign', 'format', 'loss', 'acknowledge'))`);
    // Asked for each second; there are hardly ever any.
    this.addSql(`
      create index audit_ledger_loss_index on audit_ledger (number) where kind in ('loss', 'acknowledge')`);
  }
}
