import { Migration } from '@mikro-orm/migrations';

/** Users log in by their names; those who are there log in without, and keep doing so. */
export class UsersMigration extends Migration {
  override up(): void {
    this.addSql('alter table "user" add column logs_in_unnamed boolean not null default true');
    this.addSql(
      'create unique index user_login_name_unique on "user" (name) where password_hash is not null or is_owner',
    );
  }
}
