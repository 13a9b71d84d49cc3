import type { Client } from 'pg';
import { sqlStateOf } from '../postgres/connect/database-failure.ts';

/** The role that the server works as; it owns nothing, and logs in only where the whole cluster is Coffer's. */
export const appRole = 'coffer_app';

/**
 * All that the role may do. What is not here it may not: the trail is only added to, and keys are never changed. Of the tables of
 * tenants, a policy lets only what is of deleted workspaces be deleted.
 */
const grants: Readonly<Record<string, string>> = {
  workspace: 'select, insert, update (deleted_at, purged_at, mac)',
  user: 'select, insert, update',
  membership: 'select, insert, delete',
  api_key: 'select, insert, update',
  session: 'select, insert, delete',
  keyring: 'select, insert',
  workspace_key: 'select, insert, delete',
  credential: 'select, insert, update, delete',
  credential_version: 'select, insert, delete',
  audit_event: 'select, insert',
  audit_ledger: 'select, insert',
  schema_migration: 'select',
};

/** The user of the database is neither the owner of the tables nor may become the role that may use them. */
export class NotMemberError extends Error {
  constructor() {
    super(
      `the user of COFFER_DATABASE_URL neither owns Coffer's tables nor is a member of ${appRole}: ` +
        `grant ${appRole} to that user, or give the owner's`,
    );
    this.name = 'NotMemberError';
  }
}

/** duplicate_object, or the unique_violation that a race for the same role ends in. */
const existsAlready = new Set(['42710', '23505']);

/**
 * Makes the role where it is missing, and grants it what it needs. Roles belong to the whole cluster, where other
 * databases of Coffer may be making it at the same moment; so this is no migration, and is done at every start.
 *
 * @param owner a session of the tables' owner
 * @param logsIn lets the role begin sessions of its own; whoever reaches the server must be let in without a password
 * @returns null where this user may neither create the role nor become it
 */
export async function prepareAppRole(owner: Client, logsIn: boolean): Promise<typeof appRole | null> {
  await attempt(owner, `create role ${appRole} nologin`);
  if (!(await mayBecome(owner))) await attempt(owner, `grant ${appRole} to current_user`);
  if (!(await mayBecome(owner))) return null;
  if (logsIn) await owner.query(`alter role ${appRole} login`);
  await owner.query(grantStatements());
  return appRole;
}

/** In the simple protocol several statements are one transaction: the role never has half of its rights. */
function grantStatements(): string {
  const statements = Object.entries(grants).map(([table, rights]) => `grant ${rights} on "${table}" to ${appRole}`);
  return statements.join('; ');
}

/**
 * Does some work as the role, in a session of a user who is a member of it and owns nothing.
 *
 * @throws NotMemberError where the user is no member
 */
export async function asAppRole<Result>(client: Client, work: () => Promise<Result>): Promise<Result> {
  if (!(await attempt(client, `set role ${appRole}`))) throw new NotMemberError();
  try {
    return await work();
  } finally {
    await client.query('reset role');
  }
}

async function mayBecome(owner: Client): Promise<boolean> {
  if (!(await attempt(owner, `set role ${appRole}`))) return false;
  await owner.query('reset role');
  return true;
}

/** Answers whether it was done; insufficient_privilege and undefined_object are answers as well. */
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
