import { Migration } from '@mikro-orm/migrations';

/**
 * A membership refers to the event that records it, so that a removed membership differs from a later one with the same role.
 * Earlier memberships refer to none.
 */
export class VouchedMembershipsMigration extends Migration {
  override up(): void {
    this.addSql('alter table membership add column event_id uuid');
  }
}
