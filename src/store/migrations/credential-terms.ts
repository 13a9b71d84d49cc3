import { Migration } from '@mikro-orm/migrations';

const ofCredential = `workspace_id = old.workspace_id and created_at = old.created_at and credential_id = old.id`;

/** The tags and labels of a row; what was not written by Coffer may have other contents, which have no terms. */
function termsOf(row: 'new' | 'c'): string {
  return `
    select 'tag', t.tag, ''
      from unnest(${row}.tags) as t (tag) where t.tag is not null
    union
    select 'label', l.key, l.value
      from jsonb_each_text(case jsonb_typeof(${row}.labels) when 'object' then ${row}.labels else '{}' end) as l (key, value)
      where l.value is not null`;
}

/**
 * Keeps tags and labels a second time, in a table that finds credentials by them. A trigger maintains it, so that servers of
 * earlier releases, which run during an upgrade, write it as well. Existing credentials get their terms here, one workspace after
 * the other: row-level security binds the owner of the tables, too.
 *
 * @see docs/decisions/0044-search-by-terms.md
 */
export class CredentialTermsMigration extends Migration {
  override up(): void {
    const own = `(workspace_id = any ((select string_to_array(current_setting('coffer.workspaces', true), ',')::uuid[] as workspaces)::uuid[])) is true`;
    this.addSql(`
      create table credential_term (
        workspace_id uuid not null,
        kind text collate "C" not null constraint credential_term_kind_check check (kind in ('tag', 'label')),
        key text collate "C" not null,
        value text collate "C" not null,
        created_at timestamptz(3) not null,
        credential_id uuid not null,
        primary key (workspace_id, kind, key, value, created_at, credential_id)
      )`);
    this.addSql('alter table credential_term enable row level security');
    this.addSql('alter table credential_term force row level security');
    this.addSql(`create policy own_workspaces on credential_term using (${own}) with check (${own})`);
    this.#createTriggers();
    this.#addTerms();
  }

  /** Rows without tags and labels do not call the function. */
  #createTriggers(): void {
    this.addSql(`
      create function write_credential_terms() returns trigger language plpgsql as $$
      begin
        if tg_op = 'UPDATE' then
          delete from credential_term
            where ${ofCredential} and kind = 'tag' and key = any (old.tags) and value = '';
          delete from credential_term t
            using jsonb_each_text(case jsonb_typeof(old.labels) when 'object' then old.labels else '{}' end) as l (key, value)
            where ${ofCredential} and t.kind = 'label' and t.key = l.key and t.value = l.value;
        end if;
        insert into credential_term (workspace_id, kind, key, value, created_at, credential_id)
          select new.workspace_id, n.kind, n.key, n.value, new.created_at, new.id
            from (${termsOf('new')}) as n (kind, key, value)
          on conflict do nothing;
        return null;
      end $$`);
    this.addSql(`
      create trigger write_credential_terms after insert on credential for each row
        when (new.tags <> '{}' or new.labels <> '{}') execute function write_credential_terms()`);
    this.addSql(`
      create trigger rewrite_credential_terms after update on credential for each row
        when (old.tags is distinct from new.tags or old.labels is distinct from new.labels
          or old.created_at is distinct from new.created_at) execute function write_credential_terms()`);
  }

  #addTerms(): void {
    this.addSql(`
      do $$
      declare
        present constant text := current_setting('coffer.workspaces', true);
        workspace uuid;
      begin
        for workspace in select id from workspace where purged_at is null loop
          perform set_config('coffer.workspaces', workspace::text, true);
          insert into credential_term (workspace_id, kind, key, value, created_at, credential_id)
            select c.workspace_id, n.kind, n.key, n.value, c.created_at, c.id
              from credential c cross join lateral (${termsOf('c')}) as n (kind, key, value)
              where c.workspace_id = workspace and (c.tags <> '{}' or c.labels <> '{}');
        end loop;
        perform set_config('coffer.workspaces', coalesce(present, ''), true);
      end $$`);
  }
}
