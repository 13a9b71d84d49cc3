import { VaultError, workspaceUnreadable } from '../../vault/errors.ts';
import type { Reference } from '../../vault/ids.ts';
import type { Workspace, WorkspaceDeletion, WorkspaceStore } from '../../vault/workspaces/ports.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import type { CommitResult } from '../commits/standalone-write.ts';
import { MembershipEntity } from '../entities/identity.ts';
import { WorkspaceEntity, WorkspaceKeyEntity } from '../entities/workspace.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { workspaceGrants } from '../identity/grant-tables.ts';
import { newMembershipRow } from '../identity/identity-rows.ts';
import { constraintOf } from '../postgres/connect/database-failure.ts';
import type { Database } from '../postgres/database.ts';
import { hasIdAmong, isAfterId } from '../postgres/statements/entity-query.ts';
import { newWorkspaceKeyRow, newWorkspaceRow, workspaceOf } from '../workspaces/workspace-rows.ts';
import { deleteWorkspace } from './delete-workspace.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
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
    keeping,
  }: Parameters<WorkspaceStore['createWorkspace']>[0]): Promise<void> {
    const create = async (transaction: Transaction): Promise<CommitResult<Workspace>> => {
      await Promise.all([
        transaction.insert(WorkspaceEntity, newWorkspaceRow(this.#guard, workspace)),
        transaction.insert(MembershipEntity, newMembershipRow(this.#guard, maker, event.id)),
        transaction.insert(WorkspaceKeyEntity, newWorkspaceKeyRow(this.#guard, key)),
      ]);
      return { answer: workspace, events: [event] };
    };
    try {
      await this.#commits.run({ workspaces: [workspace.id] }, create, keeping);
    } catch (error) {
      throw constraintOf(error) === 'workspace_key_master_foreign' ? masterKeyRotated() : error;
    }
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
    keeping,
  }: Parameters<WorkspaceStore['deleteWorkspace']>[0]): Promise<WorkspaceDeletion> {
    const remove = async (transaction: Transaction): Promise<CommitResult<WorkspaceDeletion>> => {
      const answer = await deleteWorkspace(this.#guard, transaction, { workspaceId, deletedAt });
      return { answer, events: answer === 'done' ? [event] : [] };
    };
    return this.#commits.run({ workspaces: [workspaceId] }, remove, keeping);
  }
}

function masterKeyRotated(): VaultError {
  return new VaultError('unavailable', 'the master key was rotated meanwhile', { reason: 'MASTER_KEY_ROTATED' });
}
