import type { Reference } from '../../vault/ids.ts';
import type { Workspace, WorkspaceDeletion, WorkspaceStore } from '../../vault/workspaces/ports.ts';
import { insertMembership } from '../identity/access-rows.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import type { Database } from '../postgres/database.ts';
import { deleteWorkspace } from './delete-workspace.ts';
import { WorkspaceEntity } from '../entities/workspace.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { workspaceGrants } from '../identity/grant-tables.ts';
import { workspaceUnreadable } from '../../vault/errors.ts';
import { insertWorkspace, insertWorkspaceKey, workspaceOf } from '../workspaces/workspace-rows.ts';
import { combine } from '../postgres/statements/statement.ts';
import { readCheckedPage } from '../postgres/statements/pages.ts';

/** Workspaces in PostgreSQL. */
export class SqlWorkspaceStore implements WorkspaceStore {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #guard: GrantGuard;

  constructor(database: Database, commits: CommitQueue, guard: GrantGuard) {
    this.#database = database;
    this.#commits = commits;
    this.#guard = guard;
  }

  async createWorkspace({
    workspace,
    key,
    maker,
    event,
  }: Parameters<WorkspaceStore['createWorkspace']>[0]): Promise<void> {
    const statement = combine(
      insertWorkspace(this.#guard, workspace),
      insertMembership(this.#guard, maker, event.id),
      insertWorkspaceKey(this.#guard, key),
    );
    await this.#commits.run({ workspaces: [workspace.id] }, async (transaction) => {
      await transaction.run(statement);
      return { answer: undefined, events: [event] };
    });
  }

  async findWorkspace(reference: Reference, signal: AbortSignal): Promise<Workspace | undefined> {
    const [row] = await this.#database.find({ signal }, WorkspaceEntity, { where: { ...reference, deletedAt: null } });
    if (row && !this.#guard.holds(workspaceGrants, row)) throw workspaceUnreadable(row.id);
    return row && workspaceOf(row);
  }

  async listWorkspaces({
    among,
    after,
    size,
    signal,
  }: Parameters<WorkspaceStore['listWorkspaces']>[0]): Promise<readonly Workspace[]> {
    return readCheckedPage({
      size,
      after,
      read: (last, limit) => {
        const id = { ...(among && { $in: [...among] }), ...(last !== undefined && { $gt: last }) };
        const where = { id, deletedAt: null };
        return this.#database.find({ signal }, WorkspaceEntity, { where, orderBy: { id: 'asc' }, limit });
      },
      keyOf: ({ id }) => id,
      show: (row) => (this.#guard.holds(workspaceGrants, row) ? workspaceOf(row) : undefined),
    });
  }

  async deleteWorkspace({
    workspaceId,
    deletedAt,
    event,
  }: Parameters<WorkspaceStore['deleteWorkspace']>[0]): Promise<WorkspaceDeletion> {
    return this.#commits.run<WorkspaceDeletion>({ workspaces: [workspaceId] }, async (transaction) => {
      const answer = await deleteWorkspace(this.#guard, transaction, { workspaceId, deletedAt });
      return { answer, events: answer === 'done' ? [event] : [] };
    });
  }
}
