import type { Client } from 'pg';
import { sqlStateOf } from '../postgres/connect/database-failure.ts';

/** The role of the server. It owns nothing, and logs in only if the whole cluster belongs to Coffer. */
export const appRole = 'coffer_app';

/**
 * All rights of the role. It can append to the trail but not change it. Of keys it can change how they are wrapped. In tenant tables other
 * than `credential_term` and `credential_consumer`, a policy limits deletion to rows of deleted workspaces.
 */
const grants: Readonly<Record<string, string>> = {
  workspace: 'select, insert, update (deleted_at, purged_at, mac)',
  user: 'select, insert, update',
  membership: 'select, insert, delete',
  api_key: 'select, insert, update',
  session: 'select, insert, delete',
  keyring: 'select, insert, update (derivation, salt, master_fingerprint, canary, wrapped_keys, wrapped_master)',
  workspace_key: 'select, insert, update (wrapped, master_fingerprint, mac), delete',
  credential: 'select, insert, update, delete',
  credential_version: 'select, insert, update (state, key_id, mac), delete',
  credential_term: 'select, insert, delete',
  idempotency: 'select, insert, update (salt, request_hash, answer, created_at, mac), delete',
  credential_consumer: 'select, insert, update, delete',
  seal: 'select, insert, update (number, sealed_at, mac)',
  key_share: 'select, insert, delete',
  audit_event: 'select, insert',
  audit_ledger: 'select, insert',
  schema_migration: 'select',
};

/** The functions that answer what is due in all workspaces, for the background workers. */
const dueFunctions = ['due_purges', 'due_notices', 'due_prunes'];

/** The database user neither owns the tables nor may set the role that can use them. */
export class NotMemberError extends Error {
  constructor() {
    super(
      `the user of COFFER_DATABASE_URL neither owns Coffer's tables nor is a member of ${appRole}: ` +
        `grant ${appRole} to that user, or give the owner's`,
    );
    this.name = 'NotMemberError';
  }
}

/** duplicate_object, or the unique_violation of a concurrent creation. */
const existsAlready = new Set(['42710', '23505']);

/**
 * Creates the role if it is missing, and grants it its rights. This is done at every start instead of in a migration, since roles
 * belong to the whole cluster, where another database of Coffer may create the role at the same time.
 *
 * @param owner a session of the owner of the tables
 * @param logsIn whether the role may log in; the cluster must authenticate without a password
 * @returns null if this user may neither create the role nor set it
 */
export async function prepareAppRole(owner: Client, logsIn: boolean): Promise<typeof appRole | null> {
  await attempt(owner, `create role ${appRole} nologin`);
  if (!(await maySetRole(owner))) await attempt(owner, `grant ${appRole} to current_user`);
  if (!(await maySetRole(owner))) return null;
  if (logsIn) await owner.query(`alter role ${appRole} login`);
  await owner.query(grantStatements());
  return appRole;
}

/** In the simple protocol, several statements are one transaction, so the role never has only a part of its rights. */
function grantStatements(): string {
  const statements = Object.entries(grants).map(([table, rights]) => `grant ${rights} on "${table}" to ${appRole}`);
  const executions = dueFunctions.map((name) => `grant execute on function ${name} to ${appRole}`);
  return [...statements, ...executions].join('; ');
}

/**
 * Runs work as the role, in a session of a user who is a member of it and owns nothing.
 *
 * @throws NotMemberError if the user is not a member
 */
export async function asAppRole<Result>(client: Client, work: () => Promise<Result>): Promise<Result> {
  if (!(await attempt(client, `set role ${appRole}`))) throw new NotMemberError();
  try {
    return await work();
  } finally {
    await client.query('reset role');
  }
}

export async function maySetRole(owner: Client): Promise<boolean> {
  if (!(await attempt(owner, `set role ${appRole}`))) return false;
  await owner.query('reset role');
  return true;
}

/** Returns whether a statement succeeded; false for insufficient_privilege and undefined_object. */
async function attempt(owner: Client, statement: string): Promise<boolean> {
  try {
    await owner.query(statement);
    return true;
  } catch (error) {
    const sqlState = error instanceof Error ? sqlStateOf(error) : undefined;
    if (sqlState === '42501' || sqlState === '42704' || sqlState === '22023') return false;
    if (sqlState !== undefined && existsAlready.has(sqlState)) return true;
    throw error;
  }
}
