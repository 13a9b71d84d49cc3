import { Migration } from '@mikro-orm/migrations';

/** API keys are limited to some credentials. The MACs of those that are not stay what they are. */
export class NarrowedKeysMigration extends Migration {
  override up(): void {
    for (const column of ['providers', 'tags', 'credential_ids']) {
      this.addSql(`alter table api_key add column ${column} text[] not null default '{}'`);
    }
  }
}
