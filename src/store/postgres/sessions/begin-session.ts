import type { Client } from 'pg';
import { limitSettings } from '../connect/time-limits.ts';

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
export async function beginSession(client: Client, role: string | null): Promise<void> {
  const roles = role === null ? [] : [`set role ${role}`];
  const statements = [...limitSettings, ...planning, ...roles, 'select pg_backend_pid() as "processID"'];
  const results: unknown = await client.query(statements.join('; '));
  const last: unknown = Array.isArray(results) ? results.at(-1)?.rows[0] : undefined;
  Object.assign(client, last);
}
