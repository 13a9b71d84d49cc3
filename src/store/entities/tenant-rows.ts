/**
 * Row-level security of a tenant table, forced, so that it binds the table's owner as well: rows are seen and written
 * only for the workspaces that the session variable `coffer.workspaces` names, comma-separated. Without it, there are none.
 */
export function tenantRows() {
  const own = `workspace_id = any (string_to_array(current_setting('coffer.workspaces', true), ',')::uuid[])`;
  return { rowLevelSecurity: 'force' as const, policies: [{ name: 'own_workspaces', using: own, check: own }] };
}
