import { p, Type, type Opt } from '@mikro-orm/postgresql';

/**
 * A `text[]` column. The ORM's own array type writes some texts unquoted that PostgreSQL then reads as something else, such
 * as `null` and texts that begin with a space; here arrays are passed on as they are, and quoted with all other parameters.
 */
class TextArray extends Type<readonly string[], readonly string[]> {
  override getColumnType(): string {
    return 'text[]';
  }

  override compareAsType(): string {
    return 'string[]';
  }
}

export function textArrayColumn() {
  return p.type(TextArray).$type<readonly string[]>();
}

/**
 * The last 16 hex digits of the row's id in upper case, which is how callers write short ids. The database derives it, so
 * that it cannot differ from the id.
 *
 * @see src/vault/ids.ts
 */
export function shortIdColumn() {
  const expression = `(upper(right(replace(id::text, '-', ''), 16))) stored`;
  return p.string().$type<Opt<string>>().columnType('char(16)').generated(expression).lazy();
}

/** What the policies of a tenant table allow beyond those of its workspaces. */
export interface TenantRowsOptions {
  /** Which rows may be deleted although their workspace is not. */
  readonly isDeletable?: string;
  /** Whether all rows may be deleted. */
  readonly isErasable?: boolean;
  /** Whether the functions that answer what is due see the rows of all workspaces. */
  readonly showsDueRows?: boolean;
}

/**
 * Row-level security of a tenant table. It is forced, so that it binds the table's owner as well: rows are visible and
 * writable only for the workspaces that the session variable `coffer.workspaces` lists, separated by commas; without it, none
 * are. Rows are deleted only of workspaces that are deleted themselves, unless an option allows more.
 */
export function tenantRows(
  table: string,
  { isDeletable, isErasable = false, showsDueRows = false }: TenantRowsOptions = {},
) {
  // Evaluated once a statement. `is true` keeps it off the indexes: see docs/decisions/0014-plans-that-do-not-flip.md.
  const own = `(workspace_id = any ((select string_to_array(current_setting('coffer.workspaces', true), ',')::uuid[] as workspaces)::uuid[])) is true`;
  const isDeleted = `exists (select 1 from workspace w where w.id = ${table}.workspace_id and w.deleted_at is not null)`;
  const isAskedForDueRows = `current_setting('coffer.due_rows', true) = 'shown' and has_table_privilege('${table}'::regclass, 'truncate')`;
  const deletable = isDeletable === undefined ? isDeleted : `${isDeleted} or ${isDeletable}`;
  return {
    rowLevelSecurity: 'force' as const,
    policies: [
      { name: 'own_workspaces', using: own, check: own },
      ...(isErasable
        ? []
        : [{ name: 'deleted_workspaces', type: 'restrictive' as const, command: 'delete' as const, using: deletable }]),
      ...(showsDueRows ? [{ name: 'due_rows', command: 'select' as const, using: isAskedForDueRows }] : []),
    ],
  };
}
