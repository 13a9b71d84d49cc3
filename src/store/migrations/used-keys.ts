import { Migration } from '@mikro-orm/migrations';

/** API keys show when they were last used. */
export class UsedKeysMigration extends Migration {
  override up(): void {
    this.addSql('alter table api_key add column last_used_at timestamptz(3)');
  }
}
