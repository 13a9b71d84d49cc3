import assert from 'node:assert/strict';
import type { EntityData, EntityName, QBFilterQuery, RequiredEntityData } from '@mikro-orm/postgresql';
import type { Answer } from '../statements/batch.ts';
import { canceled, CommitUnknownError, constraintOf, endsSession } from '../connect/database-failure.ts';
import type { EntityCriteria } from '../statements/entity-query.ts';
import { overrideLimits, showWorkspaces, takeAdvisoryLock } from './session-settings.ts';
import { rowsOf, withSession, type Session, type SessionSource } from './session.ts';
import type { Statement } from '../statements/statement.ts';
import type { TimeLimits } from '../connect/time-limits.ts';

/** The visibility and the lifetime of a transaction. */
export interface TransactionScope {
  /** The workspaces whose rows of tenant tables are visible and writable; none by default. */
  readonly workspaces?: readonly string[];
  readonly signal?: AbortSignal;
  /** Taken at the beginning, and held until the transaction ends. */
  readonly advisoryLock?: bigint;
  /** Reads the database as of the first statement, and cannot write. */
  readonly isSnapshot?: boolean;
}

interface Waiting {
  readonly statement: Statement;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Replaces the last statements of a transaction by calling `runLast` again, after a constraint has refused them.
 *
 * @returns false to let the transaction fail
 */
export type Amendment = () => Promise<boolean>;

/**
 * A transaction, which begins in the round trip of its first statement. Statements that are run without awaiting one another share
 * a round trip, and none is run after one that failed.
 */
export class Transaction {
  readonly #session: Session;
  /** The statements that begin it, until they are sent. */
  #beginning: readonly Statement[];
  #waiting: Waiting[] = [];
  #last: readonly Statement[] = [];
  #amend: Amendment | undefined;

  constructor(session: Session, beginning: readonly Statement[]) {
    this.#session = session;
    this.#beginning = beginning;
  }

  /** Runs a statement. */
  async run<Row extends object>(statement: Statement): Promise<readonly Row[]> {
    return rowsOf(await this.#add(statement));
  }

  /** Finds rows of an entity. */
  async find<Entity extends object>(
    entity: EntityName<Entity>,
    criteria: EntityCriteria<Entity>,
  ): Promise<readonly Entity[]> {
    return this.run<Entity>(this.#session.entities.select(entity, criteria));
  }

  async insert<Entity extends object>(entity: EntityName<Entity>, row: RequiredEntityData<Entity>): Promise<void> {
    await this.run(this.#session.entities.insert(entity, row));
  }

  /**
   * Adds a row unless another one is in its way; see `EntityStatements`.
   *
   * @returns whether it was added
   */
  async insertUnless<Entity extends object>(
    entity: EntityName<Entity>,
    conflict: string,
    row: RequiredEntityData<Entity>,
  ): Promise<boolean> {
    return (await this.run(this.#session.entities.insertUnless(entity, conflict, row))).length > 0;
  }

  async update<Entity extends object>(
    entity: EntityName<Entity>,
    where: QBFilterQuery<Entity>,
    changes: EntityData<Entity>,
  ): Promise<void> {
    await this.run(this.#session.entities.update(entity, where, changes));
  }

  /** @returns the primary keys of the rows that were deleted */
  async delete<Entity extends object>(
    entity: EntityName<Entity>,
    where: QBFilterQuery<Entity>,
  ): Promise<readonly Entity[]> {
    return this.run(this.#session.entities.delete(entity, where));
  }

  /**
   * Sends a statement with the commit, after all others. Its rows are not available.
   *
   * @param amend called if a constraint refuses the last statements, after only these were rolled back
   */
  runLast(statement: Statement, amend?: Amendment): void {
    this.#last = [...this.#last, statement];
    this.#amend = amend;
  }

  /** @throws CommitUnknownError if the connection is lost before the answer */
  async commit(): Promise<void> {
    if (this.#beginning.length > 0 && this.#last.length === 0) return;
    // The lock must be taken before the commit is sent. If its answer is lost, another session that takes the lock waits until the
    // commit is done, or never will be.
    if (this.#beginning.length > 0) await this.#send([]);
    while (!(await this.#tryCommit()));
  }

  async rollBack(): Promise<void> {
    if (this.#beginning.length === 0) await this.#session.send([rollback]);
  }

  /** @returns false if the last statements were refused and have been replaced */
  async #tryCommit(): Promise<boolean> {
    const amend = this.#amend;
    try {
      const answers = await this.#send([...(amend ? [savepoint] : []), ...this.#last, commit]);
      assert.equal(answers.at(-1)?.command, 'COMMIT', 'a failed statement of the transaction was ignored');
      return true;
    } catch (error) {
      if (endsSession(error)) throw new CommitUnknownError(error);
      if (!amend || constraintOf(error) === undefined) throw error;
      await this.#send([rollbackToSavepoint]);
      this.#last = [];
      this.#amend = undefined;
      if (!(await amend())) throw error;
      return false;
    }
  }

  async #add(statement: Statement): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ statement, resolve, reject });
      if (this.#waiting.length === 1) queueMicrotask(() => void this.#sendWaiting());
    });
  }

  async #sendWaiting(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      const answers = await this.#send(waiting.map(({ statement }) => statement));
      for (const [index, answer] of answers.entries()) waiting[index]?.resolve(answer);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  /** @returns the answers without those of the statements that begin the transaction */
  async #send(statements: readonly Statement[]): Promise<readonly Answer[]> {
    const beginning = this.#beginning;
    this.#beginning = [];
    const answers = await this.#session.send([...beginning, ...statements]);
    return answers.slice(beginning.length);
  }
}

/**
 * Runs work in a transaction and commits it, or rolls it back if the work throws.
 *
 * @throws VaultError `canceled` if the signal is aborted before the commit begins; CommitUnknownError if the connection is lost
 *   during the commit; errors of pg unchanged
 */
export async function inTransaction<Result>(
  source: SessionSource,
  scope: TransactionScope,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  return withSession(source, scope.signal, async (session, cancellation) => {
    const transaction = new Transaction(session, beginningOf(scope, source.limits));
    try {
      const result = await work(transaction);
      // A commit is not canceled, since its outcome would be unknown.
      await cancellation.settle();
      if (scope.signal?.aborted) throw canceled(scope.signal);
      await transaction.commit();
      return result;
    } catch (error) {
      await cancellation.settle();
      if (!endsSession(error)) await transaction.rollBack();
      throw error;
    }
  });
}

const begin: Statement = { name: 'begin', text: 'begin', values: [] };
const beginSnapshot: Statement = {
  name: 'begin snapshot',
  text: 'begin isolation level repeatable read, read only',
  values: [],
};
const commit: Statement = { name: 'commit', text: 'commit', values: [] };
const rollback: Statement = { name: 'rollback', text: 'rollback', values: [] };
const savepoint: Statement = { name: 'savepoint', text: 'savepoint last', values: [] };
const rollbackToSavepoint: Statement = {
  name: 'rollback to savepoint',
  text: 'rollback to savepoint last',
  values: [],
};

function beginningOf(
  { advisoryLock, isSnapshot, workspaces = [] }: TransactionScope,
  limits: TimeLimits,
): readonly Statement[] {
  const statements = [isSnapshot ? beginSnapshot : begin, ...overrideLimits(limits)];
  if (workspaces.length > 0) statements.push(showWorkspaces(workspaces));
  if (advisoryLock !== undefined) statements.push(takeAdvisoryLock(advisoryLock));
  return statements;
}
