import { limiting, seeing } from './session-settings.ts';
import { rowsOf, withSession, type SessionSource } from './session.ts';
import type { Statement } from '../statements/statement.ts';

/**
 * Runs one statement outside of a transaction, which therefore sees no rows of tenant tables.
 *
 * @throws VaultError `canceled` when the signal is aborted while it waits for a connection; errors of pg as they are
 */
export async function runAlone<Row extends object>(
  source: SessionSource,
  statement: Statement,
  signal: AbortSignal | undefined,
): Promise<readonly Row[]> {
  return withSession(source, signal, async (session) =>
    rowsOf((await session.send([...limiting(source.limits), statement])).at(-1)),
  );
}

/**
 * Reads rows of some workspaces in one round trip, each statement at its own moment. What travels together is a transaction
 * of its own, with whose end what it may see is forgotten.
 *
 * @throws as `runAlone`
 */
export async function readTogether<Row extends object>(
  source: SessionSource,
  scope: { readonly workspaces: readonly string[]; readonly signal?: AbortSignal | undefined },
  statements: readonly Statement[],
): Promise<readonly (readonly Row[])[]> {
  return withSession(source, scope.signal, async (session) => {
    const beginning = [...limiting(source.limits), seeing(scope.workspaces)];
    const answers = await session.send([...beginning, ...statements]);
    return answers.slice(beginning.length).map((answer) => rowsOf<Row>(answer));
  });
}
