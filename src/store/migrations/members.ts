import { Migration } from '@mikro-orm/migrations';

/** The members of a workspace are listed. */
export class MembersMigration extends Migration {
  override up(): void {
    this.addSql('create index membership_workspace_index on membership (workspace_id, user_id)');
  }
}
