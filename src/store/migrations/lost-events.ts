import { Migration } from '@mikro-orm/migrations';

/** The ledger records losses of events, and that an operator acknowledged them. */
export class LostEventsMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table audit_ledger drop constraint audit_ledger_kind_check,
        add constraint audit_ledger_kind_check
          check (kind in ('begin', 'prune', 'sign', 'format', 'loss', 'acknowledge'))`);
    // These lines are queried every second, and are very rare.
    this.addSql(`
      create index audit_ledger_loss_index on audit_ledger (number) where kind in ('loss', 'acknowledge')`);
  }
}
