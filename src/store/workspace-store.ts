import type { Reference } from '../vault/ids.ts';
import type { Workspace, WorkspaceStore } from '../vault/ports.ts';
import { insertMembership, insertWorkspace, workspaceOf } from './access-rows.ts';
import { insertAuditEvent } from './audit-event-row.ts';
import type { Database } from './database.ts';
import { WorkspaceEntity } from './entities/workspace.ts';
import type { GrantGuard } from './grant-guard.ts';
import { insertWorkspaceKey } from './key-store.ts';
import { together } from './statement.ts';

/** Workspaces in PostgreSQL. */
export class SqlWorkspaceStore implements WorkspaceStore {
  readonly #database: Database;
  readonly #guard: GrantGuard;

  constructor(database: Database, guard: GrantGuard) {
    this.#database = database;
    this.#guard = guard;
  }

  async createWorkspace({
    workspace,
    key,
    maker,
    event,
  }: Parameters<WorkspaceStore['createWorkspace']>[0]): Promise<void> {
    const statement = together(
      insertWorkspace(workspace),
      insertMembership(this.#guard, maker),
      insertWorkspaceKey(this.#guard, key),
      insertAuditEvent(event),
    );
    await this.#database.transact({ workspaces: [workspace.id] }, (transaction) => transaction.run(statement));
  }

  async findWorkspace(reference: Reference, signal: AbortSignal): Promise<Workspace | undefined> {
    const [row] = await this.#database.find({ signal }, WorkspaceEntity, { where: { ...reference } });
    return row && workspaceOf(row);
  }

  async listWorkspaces({
    among,
    after,
    size,
    signal,
  }: Parameters<WorkspaceStore['listWorkspaces']>[0]): Promise<readonly Workspace[]> {
    const id = { ...(among && { $in: [...among] }), ...(after !== undefined && { $gt: after }) };
    const criteria = { where: { id }, orderBy: { id: 'asc' }, limit: size } as const;
    const rows = await this.#database.find({ signal }, WorkspaceEntity, criteria);
    return rows.map(workspaceOf);
  }
}
