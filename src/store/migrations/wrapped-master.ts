import { Migration } from '@mikro-orm/migrations';

/** The keyring keeps the master key as a transit engine has wrapped it. */
export class WrappedMasterMigration extends Migration {
  override up(): void {
    this.addSql('alter table keyring add column wrapped_master text');
  }
}
