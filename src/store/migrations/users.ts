import { Migration } from '@mikro-orm/migrations';

/** Users log in with their names; existing users continue to log in without. */
export class UsersMigration extends Migration {
  override up(): void {
    this.addSql('alter table "user" add column logs_in_unnamed boolean not null default true');
    this.addSql(
      'create unique index user_login_name_unique on "user" (name) where password_hash is not null or is_owner',
    );
  }
}
