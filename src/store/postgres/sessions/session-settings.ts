import assert from 'node:assert/strict';
import type { Client } from 'pg';
import type { Statement } from '../statements/statement.ts';
import { callLimits, limitSettings, type TimeLimits } from '../connect/time-limits.ts';

/** Gives a transaction other limits than those that each session has. */
export function overrideLimits(limits: TimeLimits): readonly Statement[] {
  if (limits === callLimits) return [];
  const text = `
    select set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true)`;
  return [{ name: 'set limits', text, values: [String(limits.statementMs), String(limits.idleInTransactionMs)] }];
}

/** Lets the transaction see the rows of tenant tables of some workspaces, and of no others. */
export function showWorkspaces(workspaces: readonly string[]): Statement {
  const text = `select set_config('coffer.workspaces', $1, true)`;
  return { name: 'set workspaces', text, values: [workspaceListOf(workspaces)] };
}

const workspaceListPattern = /^[0-9a-f-]{36}(,[0-9a-f-]{36})*$/;

/** The value of the session variable that row-level security reads: the ids, comma-separated. */
function workspaceListOf(workspaces: readonly string[]): string {
  const list = workspaces.join(',');
  assert.match(list, workspaceListPattern, 'workspace ids must be UUIDs');
  return list;
}

/** Waits for an advisory lock, and holds it until the transaction ends. */
export function takeAdvisoryLock(number: bigint): Statement {
  return { name: 'take advisory lock', text: 'select pg_advisory_xact_lock($1)', values: [number] };
}

/**
 * All that is looked up has an index. On a small table the planner would read the whole, and a prepared statement keeps such a
 * plan while the table grows.
 *
 * @see docs/decisions/0014-plans-that-do-not-flip.md
 */
const unwanted = ['seqscan', 'bitmapscan', 'hashjoin', 'mergejoin', 'material', 'sort'] as const;
/**
 * All plans go by keys, whatever the values: what is prepared is planned once a session, not for each group of callers. Before
 * PostgreSQL 18, what is switched off above makes plans look so dear that they are compiled, which takes longer than they run.
 */
const planning = [
  ...unwanted.map((means) => `set enable_${means} = off`),
  'set plan_cache_mode = force_generic_plan',
  'set jit = off',
];

/**
 * Gives a session of the pool its limits, its way of planning and its role, all by statements: poolers know few startup parameters.
 * A pooler also answers with a process number of its own making, by which no statement could be canceled.
 */
export async function configureSession(client: Client, role: string | null): Promise<void> {
  const roles = role === null ? [] : [`set role ${role}`];
  const statements = [...limitSettings, ...planning, ...roles, 'select pg_backend_pid() as "processID"'];
  const results: unknown = await client.query(statements.join('; '));
  const last: unknown = Array.isArray(results) ? results.at(-1)?.rows[0] : undefined;
  Object.assign(client, last);
}
