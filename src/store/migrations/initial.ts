import { Migration } from '@mikro-orm/migrations';

const shortId = `char(16) generated always as (upper(right(replace(id::text, '-', ''), 16))) stored not null`;
const roleNames = `'VIEWER', 'RUNTIME', 'EDITOR', 'ADMIN'`;
const tenantTables = ['workspace_key', 'credential', 'credential_version'];

/** The first tables. Rows that grant something carry a `mac`; tenant tables begin their keys with `workspace_id`. */
export class InitialMigration extends Migration {
  override up(): void {
    this.#createGlobalTables();
    this.#createTenantTables();
    this.#createTrail();
    for (const table of tenantTables) this.#secureRows(table);
  }

  #createGlobalTables(): void {
    this.addSql(`
      create table workspace (
        id uuid not null primary key,
        short_id ${shortId},
        name text not null,
        created_by uuid not null,
        created_at timestamptz(3) not null,
        constraint workspace_short_id_unique unique (short_id)
      )`);
    this.addSql(`
      create table "user" (
        id uuid not null primary key,
        short_id ${shortId},
        name text not null,
        is_owner boolean not null,
        default_workspace_id uuid not null constraint user_default_workspace_id_foreign references workspace (id),
        password_hash text,
        created_at timestamptz(3) not null,
        mac bytea not null,
        constraint user_short_id_unique unique (short_id)
      )`);
    this.addSql(`
      create table membership (
        user_id uuid not null constraint membership_user_id_foreign references "user" (id),
        workspace_id uuid not null constraint membership_workspace_id_foreign references workspace (id),
        role text not null constraint membership_role_check check (role in (${roleNames})),
        may_reveal boolean not null,
        mac bytea not null,
        primary key (user_id, workspace_id)
      )`);
    this.addSql(`
      create table api_key (
        id uuid not null primary key,
        workspace_id uuid not null constraint api_key_workspace_id_foreign references workspace (id),
        user_id uuid not null constraint api_key_user_id_foreign references "user" (id),
        name text not null,
        hash bytea not null,
        prefix text not null,
        role text constraint api_key_role_check check (role in (${roleNames})),
        may_reveal boolean not null,
        dialect text,
        expires_at timestamptz(3),
        revoked_at timestamptz(3),
        created_at timestamptz(3) not null,
        mac bytea not null,
        constraint api_key_hash_unique unique (hash)
      )`);
    this.addSql(`create index api_key_list_index on api_key (workspace_id, id)`);
    this.addSql(`
      create table session (
        id uuid not null primary key,
        user_id uuid not null constraint session_user_id_foreign references "user" (id),
        hash bytea not null,
        expires_at timestamptz(3) not null,
        created_at timestamptz(3) not null,
        mac bytea not null,
        constraint session_hash_unique unique (hash)
      )`);
    this.addSql(`create index session_user_index on session (user_id, created_at)`);
    this.addSql(`
      create table keyring (
        id smallint not null primary key constraint keyring_single_row_check check (id = 1),
        instance_id uuid not null,
        derivation text not null constraint keyring_derivation_check check (derivation in ('argon2id', 'key')),
        salt bytea not null,
        master_fingerprint text not null,
        canary bytea not null,
        wrapped_keys bytea not null,
        created_at timestamptz(3) not null
      )`);
  }

  #createTenantTables(): void {
    this.addSql(`
      create table workspace_key (
        workspace_id uuid not null constraint workspace_key_workspace_id_foreign references workspace (id),
        key_id bytea not null,
        wrapped bytea not null,
        master_fingerprint text not null,
        created_at timestamptz(3) not null,
        mac bytea not null,
        primary key (workspace_id, key_id)
      )`);
    this.addSql(`
      create table credential (
        workspace_id uuid not null constraint credential_workspace_id_foreign references workspace (id),
        id uuid not null,
        short_id ${shortId},
        name text not null,
        exclusive_name text,
        description text,
        provider text not null,
        auth_type text not null,
        category text,
        scope text,
        tags text[] not null,
        labels jsonb not null,
        metadata json,
        is_active boolean not null,
        expires_at timestamptz(3),
        last_used_at timestamptz(3),
        use_count bigint not null,
        current_version int not null constraint credential_current_version_check check (current_version >= 1),
        revision int not null constraint credential_revision_check check (revision >= 1),
        origin text not null,
        created_by uuid not null,
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null,
        deleted_at timestamptz(3),
        primary key (workspace_id, id),
        constraint credential_short_id_unique unique (workspace_id, short_id)
      )`);
    this.addSql(`
      create unique index credential_exclusive_name_unique on credential (workspace_id, exclusive_name)
        where exclusive_name is not null and deleted_at is null`);
    this.addSql(`
      create table credential_version (
        workspace_id uuid not null,
        credential_id uuid not null,
        version int not null constraint credential_version_version_check check (version >= 1),
        sealed bytea not null,
        key_id bytea not null,
        created_by uuid not null,
        created_at timestamptz(3) not null,
        primary key (workspace_id, credential_id, version),
        constraint credential_version_credential_foreign
          foreign key (workspace_id, credential_id) references credential (workspace_id, id)
      )`);
    // Sealed bytes are incompressible, so compression would only cost time.
    this.addSql(`alter table credential_version alter column sealed set storage external`);
  }

  #createTrail(): void {
    this.addSql(`
      create table audit_event (
        id uuid not null primary key,
        time timestamptz(3) not null,
        workspace_id uuid,
        actor_kind text not null,
        actor_id text,
        actor_name text not null,
        authentication text not null,
        action text not null,
        resource_kind text not null,
        resource_id text,
        outcome text not null,
        protocol text not null,
        dialect text not null,
        peer text not null,
        request_id text not null
      )`);
  }

  #secureRows(table: string): void {
    const own = `workspace_id = any (string_to_array(current_setting('coffer.workspaces', true), ',')::uuid[])`;
    this.addSql(`alter table ${table} enable row level security`);
    this.addSql(`alter table ${table} force row level security`);
    this.addSql(`create policy own_workspaces on ${table} using (${own}) with check (${own})`);
  }
}
