import { Migration } from '@mikro-orm/migrations';

/** An index for listing the members of a workspace. */
export class MembersMigration extends Migration {
  override up(): void {
    this.addSql('create index membership_workspace_index on membership (workspace_id, user_id)');
  }
}
