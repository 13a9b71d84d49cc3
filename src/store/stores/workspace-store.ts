import { workspaceUnreadable } from '../../vault/errors.ts';
import type { Reference } from '../../vault/ids.ts';
import type { Workspace, WorkspaceDeletion, WorkspaceStore } from '../../vault/workspaces/ports.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import { MembershipEntity } from '../entities/identity.ts';
import { WorkspaceEntity, WorkspaceKeyEntity } from '../entities/workspace.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { workspaceGrants } from '../identity/grant-tables.ts';
import { newMembershipRow } from '../identity/identity-rows.ts';
import type { Database } from '../postgres/database.ts';
import { hasIdAmong, isAfterId } from '../postgres/statements/entity-query.ts';
import { newWorkspaceKeyRow, newWorkspaceRow, workspaceOf } from '../workspaces/workspace-rows.ts';
import { deleteWorkspace } from './delete-workspace.ts';
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
    await this.#commits.run({ workspaces: [workspace.id] }, async (transaction) => {
      await Promise.all([
        transaction.insert(WorkspaceEntity, newWorkspaceRow(this.#guard, workspace)),
        transaction.insert(MembershipEntity, newMembershipRow(this.#guard, maker, event.id)),
        transaction.insert(WorkspaceKeyEntity, newWorkspaceKeyRow(this.#guard, key)),
      ]);
      return { answer: undefined, events: [event] };
    });
  }

  async findWorkspace(reference: Reference, signal: AbortSignal): Promise<Workspace | undefined> {
    const [row] = await this.#database.find({ signal }, WorkspaceEntity, { where: { ...reference, deletedAt: null } });
    if (row && !this.#guard.isGenuine(workspaceGrants, row)) throw workspaceUnreadable(row.id);
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
        const where = { deletedAt: null, ...isAfterId(last), ...(among && hasIdAmong(among)) };
        return this.#database.find({ signal }, WorkspaceEntity, { where, orderBy: { id: 'asc' }, limit });
      },
      keyOf: ({ id }) => id,
      show: (row) => (this.#guard.isGenuine(workspaceGrants, row) ? workspaceOf(row) : undefined),
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
