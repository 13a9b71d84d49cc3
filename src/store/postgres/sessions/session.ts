import type { PoolClient } from 'pg';
import { type Answer, Batch, type PreparedStatements } from '../statements/batch.ts';
import { endsSession, isReadOnly } from '../connect/database-failure.ts';
import type { EntityStatements } from '../statements/entity-query.ts';
import type { SilenceWatch } from '../connect/silence-watch.ts';
import type { Statement } from '../statements/statement.ts';
import { answerGraceMs, type TimeLimits } from '../connect/time-limits.ts';
import { type Cancellation, cancelOnAbort, type StatementCanceller } from './statement-canceller.ts';
import { acquireClient, type SizedPool } from './acquire-client.ts';
import { overrideLimits, showWorkspaces } from './session-settings.ts';

/** A pool of connections with everything that their sessions share. */
export interface SessionSource extends SizedPool {
  readonly prepared: PreparedStatements;
  readonly entities: EntityStatements;
  readonly canceller: StatementCanceller;
  readonly watch: SilenceWatch;
  /** The limits of each statement and transaction. */
  readonly limits: TimeLimits;
  /** Replaces all sessions, because the server has become a standby or read-only. */
  readonly replaceSessions: () => void;
}

/** A connection acquired from the pool. */
export class Session {
  readonly #client: PoolClient;
  readonly #source: SessionSource;

  constructor(client: PoolClient, source: SessionSource) {
    this.#client = client;
    this.#source = source;
  }

  get entities(): EntityStatements {
    return this.#source.entities;
  }

  async send(statements: readonly Statement[]): Promise<readonly Answer[]> {
    const { limits, prepared, watch } = this.#source;
    const batch = new Batch(statements, prepared);
    watch.sent(this.#client, limits.statementMs + answerGraceMs);
    try {
      return await this.#client.query(batch).answers;
    } finally {
      watch.answered(this.#client);
    }
  }
}

/**
 * Runs work on a connection of the pool, whose statements are canceled when the signal is aborted. The connection is closed after
 * a failure other than a refused statement: the server may have announced the end of the session without having ended it yet.
 */
export async function withSession<Result>(
  source: SessionSource,
  signal: AbortSignal | undefined,
  work: (session: Session, cancellation: Cancellation) => Promise<Result>,
): Promise<Result> {
  const client = await acquireClient(source, signal);
  const cancellation = cancelOnAbort(source.canceller, client, signal);
  let isBroken = false;
  try {
    return await work(new Session(client, source), cancellation);
  } catch (error) {
    isBroken = endsSession(error);
    if (isReadOnly(error)) source.replaceSessions();
    throw error;
  } finally {
    await cancellation.settle();
    // Without the closing handshake, which a silent server would never answer.
    if (isBroken) client.connection.stream.destroy();
    client.release(isBroken);
  }
}

/** The rows of an answer. The caller knows their type from the text of the statement. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- only the text of the statement determines the type
export function rowsOf<Row extends object>(answer: Answer | undefined): readonly Row[];
export function rowsOf(answer: Answer | undefined): readonly object[] {
  return answer?.rows ?? [];
}

/**
 * Runs one statement outside of a transaction, where no rows of tenant tables are visible.
 *
 * @throws VaultError `canceled` when the signal is aborted while it waits for a connection; errors of pg as they are
 */
export async function runOutsideTransaction<Row extends object>(
  source: SessionSource,
  statement: Statement,
  signal: AbortSignal | undefined,
): Promise<readonly Row[]> {
  return withSession(source, signal, async (session) =>
    rowsOf((await session.send([...overrideLimits(source.limits), statement])).at(-1)),
  );
}

/**
 * Reads rows of some workspaces in one round trip, each statement with its own snapshot. PostgreSQL runs the batch as an implicit
 * transaction, at whose end the visible workspaces are reset.
 *
 * @throws as `runOutsideTransaction`
 */
export async function readInOneRoundTrip<Row extends object>(
  source: SessionSource,
  scope: { readonly workspaces: readonly string[]; readonly signal?: AbortSignal | undefined },
  statements: readonly Statement[],
): Promise<readonly (readonly Row[])[]> {
  return withSession(source, scope.signal, async (session) => {
    const beginning = [...overrideLimits(source.limits), showWorkspaces(scope.workspaces)];
    const answers = await session.send([...beginning, ...statements]);
    return answers.slice(beginning.length).map((answer) => rowsOf<Row>(answer));
  });
}
