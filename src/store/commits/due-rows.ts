import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import { nilUuid } from '../../vault/ids.ts';
import type { DueBatch, DuePlace } from '../../vault/worker-task.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { Database } from '../postgres/database.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import type { Statement } from '../postgres/statements/statement.ts';

/** The most rows that are claimed in one transaction, which other writes of the process wait for. */
export const dueRowsMax = 200;

/** The functions of the database that answer what is due in all workspaces; see `migrations/due-functions.ts`. */
export type DueFunction = 'due_purges' | 'due_notices' | 'due_prunes';

/** Rows that are due. */
export interface DueRowsRequest {
  readonly due: DueFunction;
  /** The time by the clock of this process. */
  readonly now: Date;
  /** Begins after this place; at the row that has been due for longest where absent. */
  readonly after: DuePlace | undefined;
}

/** What became of rows, with the events to be committed with it. */
export interface DueRowsChange {
  /** The number of rows that were changed. */
  readonly count: number;
  readonly events: readonly AuditEvent[];
}

/** Finds rows that are due, in whichever workspace, and changes them together with their events. */
export class DueRows {
  readonly #database: Database;
  readonly #commits: CommitQueue;

  constructor(database: Database, commits: CommitQueue) {
    this.#database = database;
    this.#commits = commits;
  }

  /**
   * Changes one batch in one transaction.
   *
   * @param change claims the rows of the places with `for update skip locked`, since another process may have found them too,
   *   and checks once more that they are due; every statement joins on exact pairs of workspace and id, because the transaction
   *   shows several workspaces. It may run twice; the first run is rolled back then.
   */
  async change(
    request: DueRowsRequest,
    change: (transaction: Transaction, places: readonly DuePlace[]) => Promise<DueRowsChange>,
  ): Promise<DueBatch> {
    const places = await this.#database.query<DuePlace>(findDue(request));
    if (places.length === 0) return { count: 0, last: undefined };
    const workspaces = [...new Set(places.map(({ workspaceId }) => workspaceId))];
    const count = await this.#commits.run({ workspaces }, async (transaction) => {
      const changed = await change(transaction, places);
      return { answer: changed.count, events: changed.events };
    });
    return { count, last: places.length < dueRowsMax ? undefined : places.at(-1) };
  }
}

/** Precedes every place: what is due since before 1970 was not written by Coffer. */
const beforeFirst: DuePlace = { workspaceId: nilUuid, id: nilUuid, dueAt: new Date(0) };

/** The first places that are due, in the order of their times. */
export function findDue({ due, now, after = beforeFirst }: DueRowsRequest): Statement {
  return {
    name: `due by ${due}`,
    text: `
      select workspace_id as "workspaceId", id, due_at as "dueAt" from ${due}($1, $2, $3, $4, $5)`,
    values: [now, after.dueAt, after.workspaceId, after.id, dueRowsMax],
  };
}
