import { Migration } from '@mikro-orm/migrations';

/**
 * The answers to mutations under a request id. Rows are visible in their workspaces, and once they have expired, to the sweep of
 * all workspaces.
 */
export class IdempotencyMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table idempotency (
        workspace_id uuid not null,
        key bytea not null,
        salt bytea not null,
        request_hash bytea not null,
        answer bytea,
        created_at timestamptz(3) not null,
        mac bytea,
        constraint idempotency_pkey primary key (workspace_id, key)
      )`);
    this.addSql('create index idempotency_created_index on idempotency (created_at)');
    const own = `(workspace_id = any ((select string_to_array(current_setting('coffer.workspaces', true), ',')::uuid[] as workspaces)::uuid[])) is true`;
    const isExpired = `created_at < (now() - '24:00:00'::interval)`;
    const isDeleted = `exists (select 1 from workspace w where w.id = idempotency.workspace_id and w.deleted_at is not null)`;
    this.addSql('alter table idempotency enable row level security');
    this.addSql('alter table idempotency force row level security');
    this.addSql(`create policy own_workspaces on idempotency using (${own}) with check (${own})`);
    this.addSql(`create policy expired_rows on idempotency using (${isExpired}) with check (${isExpired})`);
    this.addSql(`
      create policy deleted_workspaces on idempotency as restrictive for delete
        using (answer is null or ${isExpired} or ${isDeleted})`);
  }
}
