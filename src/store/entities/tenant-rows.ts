/**
 * Row-level security of a tenant table, forced, so that it binds the table's owner as well: rows are seen and written
 * only for the workspaces that the session variable `coffer.workspaces` names, comma-separated. Without it, there are none.
 */
export function tenantRows() {
  // Read once a statement. `is true` keeps it off the indexes: see docs/decisions/0014-plans-that-do-not-flip.md.
  const own = `(workspace_id = any ((select string_to_array(current_setting('coffer.workspaces', true), ',')::uuid[] as workspaces)::uuid[])) is true`;
  return { rowLevelSecurity: 'force' as const, policies: [{ name: 'own_workspaces', using: own, check: own }] };
}
