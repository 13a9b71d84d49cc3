import { Migration } from '@mikro-orm/migrations';
import { createDueFunction, dueRowsCondition, type DueFunctionDefinition } from './due-functions.ts';

// Not `coalesce`, which PostgreSQL does not take for leakproof: see docs/decisions/0043-what-is-due-in-all-workspaces.md.
const due = 'case when purge_at is null then notice_at else purge_at end';
const dueOfRow = 'case when r.purge_at is null then r.notice_at else r.purge_at end';

/** The functions that answer which credentials are due. */
export const credentialDueFunctions: readonly DueFunctionDefinition[] = [
  {
    name: 'due_purges',
    table: 'credential',
    time: dueOfRow,
    clock: 'both',
    condition: 'r.purge_at is not null and r.deleted_at is not null',
  },
  { name: 'due_notices', table: 'credential', time: dueOfRow, clock: 'process', condition: 'r.deleted_at is null' },
];

/**
 * Deleted credentials are purged, and the trail has events of expiry. A purged credential keeps its row, without its contents;
 * its versions may be deleted, which so far was possible in deleted workspaces only.
 */
export class PurgeAndExpiryMigration extends Migration {
  override up(): void {
    this.addSql(`
      alter table credential
        add column purge_at timestamptz(3),
        add column purged_at timestamptz(3),
        add column notice_at timestamptz(3)`);
    this.#beginNotices();
    this.addSql(`
      create index credential_due_index on credential ((${due}), workspace_id, id) where ${due} is not null`);
    this.addSql(`create policy due_rows on credential for select using (${dueRowsCondition('credential')})`);
    for (const definition of credentialDueFunctions) this.addSql(createDueFunction(definition));
    this.#letVersionsGo();
  }

  /** Credentials that expire later get the notices since their last change, of which only the nearest one is given. */
  #beginNotices(): void {
    this.addSql('alter table credential no force row level security');
    this.addSql('update credential set notice_at = updated_at where expires_at > now() and deleted_at is null');
    this.addSql('alter table credential force row level security');
  }

  #letVersionsGo(): void {
    const ofVersion = 'c.workspace_id = credential_version.workspace_id and c.id = credential_version.credential_id';
    const isDeleted = `exists (select 1 from workspace w where w.id = credential_version.workspace_id and w.deleted_at is not null)`;
    const isSuperseded = `version < (select c.current_version from credential c where ${ofVersion})`;
    const isPurged = `exists (select 1 from credential c where ${ofVersion} and c.purged_at is not null)`;
    const using = `${isDeleted} or ${isSuperseded} or ${isPurged}`;
    this.addSql(`alter policy deleted_workspaces on credential_version using (${using})`);
  }
}
