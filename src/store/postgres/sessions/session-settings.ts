import assert from 'node:assert/strict';
import type { Statement } from '../statements/statement.ts';
import { callLimits, type TimeLimits } from '../connect/time-limits.ts';

/** Gives a transaction other limits than those that each session has. */
export function limiting(limits: TimeLimits): readonly Statement[] {
  if (limits === callLimits) return [];
  const text = `
    select set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true)`;
  return [{ name: 'set limits', text, values: [String(limits.statementMs), String(limits.idleInTransactionMs)] }];
}

/** Lets the transaction see the rows of tenant tables of some workspaces, and of no others. */
export function seeing(workspaces: readonly string[]): Statement {
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
