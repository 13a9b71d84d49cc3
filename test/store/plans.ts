import { escapeLiteral } from 'pg';
import type { Database } from '../../src/store/postgres/database.ts';
import { parameterOf } from '../../src/store/postgres/statements/parameters.ts';
import type { Statement } from '../../src/store/postgres/statements/statement.ts';

/** Prepared statements have one plan for all values, or one for those of each run: the server chooses. */
export const planModes = ['force_generic_plan', 'force_custom_plan'] as const;

/** The plan of a prepared statement, as the server's sessions have it, under row-level security. */
export async function planOf(
  database: Database,
  { text, values }: Statement,
  { workspaces, mode }: { readonly workspaces: readonly string[]; readonly mode: (typeof planModes)[number] },
): Promise<string> {
  const literals = values.map(literalOf).join(', ');
  return database.transact({ workspaces }, async (transaction) => {
    const run = (one: string) => transaction.run<{ 'QUERY PLAN': string }>({ name: '', text: one, values: [] });
    await run(`set local plan_cache_mode = ${mode}`);
    await run(`prepare explained as ${text}`);
    const lines = await run(`explain execute explained${literals && ` (${literals})`}`);
    await run('deallocate explained');
    return lines.map((line) => line['QUERY PLAN']).join('\n');
  });
}

function literalOf(value: unknown): string {
  if (value instanceof Uint8Array) return `'\\x${Buffer.from(value).toString('hex')}'`;
  const parameter = parameterOf(value);
  return typeof parameter === 'string' ? escapeLiteral(parameter) : 'null';
}
