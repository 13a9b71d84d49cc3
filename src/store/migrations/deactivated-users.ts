import { Migration } from '@mikro-orm/migrations';

/** Users can be deactivated, which frees their names. The MACs of active users do not change. */
export class DeactivatedUsersMigration extends Migration {
  override up(): void {
    this.addSql('alter table "user" add column deactivated_at timestamptz(3)');
    this.addSql('drop index user_login_name_unique');
    this.addSql(
      'create unique index user_login_name_unique on "user" (name)' +
        ' where (password_hash is not null or is_owner) and deactivated_at is null',
    );
  }
}
