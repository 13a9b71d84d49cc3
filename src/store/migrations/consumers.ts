import { Migration } from '@mikro-orm/migrations';

/** Credentials keep who used them last. These are hints that decide nothing, and so carry no MAC. */
export class ConsumersMigration extends Migration {
  override up(): void {
    this.addSql(`
      create table credential_consumer (
        workspace_id uuid not null,
        credential_id uuid not null,
        consumer_id uuid not null,
        kind text not null constraint credential_consumer_kind_check check (kind in ('user', 'api_key')),
        name text not null,
        last_used_at timestamptz(3) not null,
        constraint credential_consumer_pkey primary key (workspace_id, credential_id, consumer_id)
      )`);
    const own = `(workspace_id = any ((select string_to_array(current_setting('coffer.workspaces', true), ',')::uuid[] as workspaces)::uuid[])) is true`;
    this.addSql('alter table credential_consumer enable row level security, force row level security');
    this.addSql(`create policy own_workspaces on credential_consumer using (${own}) with check (${own})`);
  }
}
