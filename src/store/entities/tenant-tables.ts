/** All tenant tables, each before those that it refers to. Their keys begin with the workspace, and a session sees only the rows of workspaces that it names. */
export const tenantTables = [
  'idempotency',
  'credential_term',
  'credential_consumer',
  'credential_version',
  'credential',
  'workspace_key',
] as const;

/** A tenant table. */
export type TenantTable = (typeof tenantTables)[number];
