/**
 * Row-level security of a tenant table, forced, so that it binds the table's owner as well: rows are seen and written
 * only for the workspaces that the session variable `coffer.workspaces` names, comma-separated. Without it, there are none. And
 * they are deleted only of workspaces that are deleted themselves.
 */
export function tenantRows(table: string) {
  // Read once a statement. `is true` keeps it off the indexes: see docs/decisions/0014-plans-that-do-not-flip.md.
  const own = `(workspace_id = any ((select string_to_array(current_setting('coffer.workspaces', true), ',')::uuid[] as workspaces)::uuid[])) is true`;
  const isDeleted = `exists (select 1 from workspace w where w.id = ${table}.workspace_id and w.deleted_at is not null)`;
  return {
    rowLevelSecurity: 'force' as const,
    policies: [
      { name: 'own_workspaces', using: own, check: own },
      { name: 'deleted_workspaces', type: 'restrictive' as const, command: 'delete' as const, using: isDeleted },
    ],
  };
}
