import assert from 'node:assert/strict';
import type { Client } from 'pg';
import type { Statement } from '../statements/statement.ts';
import { callLimits, limitSettings, type TimeLimits } from '../connect/time-limits.ts';

/** Overrides the limits of the session for a transaction. */
export function overrideLimits(limits: TimeLimits): readonly Statement[] {
  if (limits === callLimits) return [];
  const text = `
    select set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true)`;
  return [{ name: 'set limits', text, values: [String(limits.statementMs), String(limits.idleInTransactionMs)] }];
}

/** Makes the rows of the given workspaces visible to the transaction, and no other rows of tenant tables. */
export function showWorkspaces(workspaces: readonly string[]): Statement {
  const text = `select set_config('coffer.workspaces', $1, true)`;
  return { name: 'set workspaces', text, values: [workspaceListOf(workspaces)] };
}

const workspaceListPattern = /^[0-9a-f-]{36}(,[0-9a-f-]{36})*$/;

/** The value of the session variable that row-level security reads: the ids, separated by commas. */
function workspaceListOf(workspaces: readonly string[]): string {
  const list = workspaces.join(',');
  assert.match(list, workspaceListPattern, 'workspace ids must be UUIDs');
  return list;
}

/** Takes an advisory lock until the transaction ends. */
export function takeAdvisoryLock(number: bigint): Statement {
  return { name: 'take advisory lock', text: 'select pg_advisory_xact_lock($1)', values: [number] };
}

/**
 * Plans that the planner must avoid. Each look-up has an index, but on a small table the planner would read all rows, and a
 * prepared statement keeps such a plan while the table grows.
 *
 * @see docs/decisions/0014-plans-that-do-not-flip.md
 */
const unwanted = ['seqscan', 'bitmapscan', 'hashjoin', 'mergejoin', 'material', 'sort'] as const;
/**
 * All plans use keys, whatever the values, so that a prepared statement is planned once per session. Compilation is disabled since
 * before PostgreSQL 18 the settings above raise the estimated cost, and compiling takes longer than running.
 */
export const planning: readonly string[] = [
  ...unwanted.map((means) => `set enable_${means} = off`),
  'set plan_cache_mode = force_generic_plan',
  'set jit = off',
];

/** How a pool session works. */
export interface SessionOptions {
  readonly role: string | null;
  readonly isReadOnly?: boolean | undefined;
}

/**
 * Sets the limits, the planner settings and the role of a pool session. They are statements since poolers support few startup
 * parameters. The process id is read as well: a pooler invents one, by which no statement could be canceled.
 */
export async function configureSession(client: Client, { isReadOnly = false, role }: SessionOptions): Promise<void> {
  const roles = role === null ? [] : [`set role ${role}`];
  const reading = isReadOnly ? ['set default_transaction_read_only = on'] : [];
  const statements = [...limitSettings, ...planning, ...reading, ...roles, 'select pg_backend_pid() as "processID"'];
  const results: unknown = await client.query(statements.join('; '));
  const last: unknown = Array.isArray(results) ? results.at(-1)?.rows[0] : undefined;
  Object.assign(client, last);
}
