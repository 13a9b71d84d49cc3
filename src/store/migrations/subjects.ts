import { Migration } from '@mikro-orm/migrations';

/** Of API keys, all columns except the time of the last use, which does not affect what a key grants. */
const apiKeyColumns =
  'id, workspace_id, user_id, name, hash, prefix, role, may_reveal, dialect, providers, tags, credential_ids, subjects,' +
  ' expires_at, revoked_at, created_at, mac';

/**
 * Credentials may have a subject, and API keys may be limited to subjects. The MACs of stored rows stay valid, since both columns
 * are signed by name and only where they are set. Until credentials have subjects the index is empty, so that creating it takes
 * one scan of the table.
 */
export class SubjectsMigration extends Migration {
  override up(): void {
    this.addSql('alter table credential add column subject text collate "C"');
    this.addSql(`
      create index credential_subject_index on credential (workspace_id, subject, provider) where subject is not null`);
    this.addSql(`alter table api_key add column subjects text[] not null default '{}'`);
    // A changed limit must reach the processes that keep the key in memory.
    this.addSql('drop trigger tell_grant_change on api_key');
    this.addSql(`
      create trigger tell_grant_change after update of ${apiKeyColumns} or delete on api_key
        for each row execute function tell_grant_change('api_key', 'id')`);
  }
}
