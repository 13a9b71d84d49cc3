import { Migration } from '@mikro-orm/migrations';

/** All columns of an API key except the time of its last use, which does not affect what it grants. */
const apiKeyColumns =
  'id, workspace_id, user_id, name, hash, prefix, role, may_reveal, dialect, providers, tags, credential_ids,' +
  ' expires_at, revoked_at, created_at, mac';

/**
 * The changes of access that processes are notified of, and the row that each notice names. Insertions need no notice, since they
 * do not affect cached authentications; a new membership does.
 */
const notices = [
  { table: 'api_key', kind: 'api_key', column: 'id', when: `update of ${apiKeyColumns} or delete` },
  { table: 'session', kind: 'session', column: 'id', when: 'update or delete' },
  { table: 'user', kind: 'user', column: 'id', when: 'update or delete' },
  { table: 'membership', kind: 'user', column: 'user_id', when: 'insert or update or delete' },
  { table: 'workspace', kind: 'workspace', column: 'id', when: 'update or delete' },
] as const;

/**
 * Triggers notify all processes of every change of a row that grants access, in the transaction of the change, including manual
 * changes by an operator.
 *
 * @see docs/decisions/0015-cached-authentications.md
 */
export class GrantNoticesMigration extends Migration {
  override up(): void {
    this.addSql(`
      create function tell_grant_change() returns trigger language plpgsql set search_path = pg_catalog as $$
      begin
        if tg_op = 'TRUNCATE' then
          perform pg_notify('coffer_grants', 'any');
          return null;
        end if;
        if tg_op <> 'INSERT' then
          perform pg_notify('coffer_grants', tg_argv[0] || ':' || (to_jsonb(old) ->> tg_argv[1]));
        end if;
        if tg_op <> 'DELETE' then
          perform pg_notify('coffer_grants', tg_argv[0] || ':' || (to_jsonb(new) ->> tg_argv[1]));
        end if;
        return null;
      end $$`);
    for (const { table, kind, column, when } of notices) {
      const what = `execute function tell_grant_change('${kind}', '${column}')`;
      this.addSql(`create trigger tell_grant_change after ${when} on "${table}" for each row ${what}`);
      this.addSql(`create trigger tell_grant_truncation after truncate on "${table}" for each statement ${what}`);
    }
  }
}
