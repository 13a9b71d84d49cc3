import { Migration } from '@mikro-orm/migrations';

/**
 * A membership names the event that tells of it. So no two are alike, and one that was ended is told from a later one with the
 * same role. Those from before name none.
 */
export class VouchedMembershipsMigration extends Migration {
  override up(): void {
    this.addSql('alter table membership add column event_id uuid');
  }
}
