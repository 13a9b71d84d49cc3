import { Migration } from '@mikro-orm/migrations';

/** API keys may be limited to some credentials. The MACs of unlimited keys do not change. */
export class NarrowedKeysMigration extends Migration {
  override up(): void {
    for (const column of ['providers', 'tags', 'credential_ids']) {
      this.addSql(`alter table api_key add column ${column} text[] not null default '{}'`);
    }
  }
}
