import { Migration } from '@mikro-orm/migrations';

/** Lists are no longer ordered by id, since callers may choose ids, and credentials are found by name. */
export class GivenIdsAndNamesMigration extends Migration {
  override up(): void {
    this.addSql('create index credential_list_index on credential (workspace_id, created_at, id)');
    this.addSql('create index credential_name_index on credential (workspace_id, name, id)');
  }
}
