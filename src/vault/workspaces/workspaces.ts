import { auditEvent, type EventSource } from '../audit/audit-event.ts';
import { authorizeOwner, requireGrant, resolveWorkspace, type Call } from '../caller.ts';
import { invalidArgument, notFound, VaultError } from '../errors.ts';
import { parseReference } from '../ids.ts';
import { checkPageSize, type PageRange } from '../page.ts';
import { keepingOf, type MutationCall } from '../requests/mutation-call.ts';
import { checkName } from '../text-rules.ts';
import type { WorkspaceCipherSource, Workspace, WorkspaceDeletion, WorkspaceStore } from './ports.ts';

export interface WorkspaceDirectoryParts extends EventSource {
  readonly store: WorkspaceStore;
  readonly ciphers: WorkspaceCipherSource;
}

/** Creates, shows and deletes workspaces. */
export class WorkspaceDirectory {
  readonly #parts: WorkspaceDirectoryParts;

  constructor(parts: WorkspaceDirectoryParts) {
    this.#parts = parts;
  }

  /**
   * Creates a workspace with its own key; the caller becomes its first ADMIN. For owners of the instance.
   *
   * @throws VaultError `permission_denied` or `invalid_argument`
   */
  async createWorkspace(call: MutationCall<Workspace>, name: string): Promise<Workspace> {
    authorizeOwner(call.caller, 'workspaces.manage');
    checkName('workspace.name', name);
    const { clock, ids, ciphers, store } = this.#parts;
    const { userId } = call.caller;
    const id = ids.next();
    const workspace = { id, name, createdBy: userId, createdAt: clock.now() };
    const resource = { workspaceId: id, resourceKind: 'workspace', resourceId: id } as const;
    const maker = { workspaceId: id, userId, role: 'ADMIN', mayReveal: true } as const;
    const event = auditEvent(this.#parts, call, { action: 'workspaces.create', ...resource });
    const create = () =>
      store.createWorkspace({ workspace, key: ciphers.newWorkspaceKey(id), maker, event, keeping: call.keeping });
    await create().catch(async (error: unknown) => {
      if (!(error instanceof VaultError && error.details.reason === 'MASTER_KEY_ROTATED')) throw error;
      await ciphers.renew();
      await create();
    });
    return workspace;
  }

  /** Shows a workspace to its members and to owners; for other callers it is `not_found`. */
  async describeWorkspace(call: Call, text: string): Promise<Workspace> {
    const { caller, signal } = call;
    const reference = caller.isOwner && text !== 'default' ? parseReference('workspace', text) : undefined;
    const workspace = await this.#parts.store.findWorkspace(reference ?? { id: authorizedId(call, text) }, signal);
    if (!workspace) throw notFound('workspace', text);
    return workspace;
  }

  /** The workspaces in which the caller has a grant, or all of them for an owner, in the order of creation. */
  async listWorkspaces(call: Call, page: PageRange): Promise<readonly Workspace[]> {
    checkPageSize(page.size);
    const { isOwner, grants } = call.caller;
    const among = isOwner ? {} : { among: grants.map(({ workspaceId }) => workspaceId) };
    return this.#parts.store.listWorkspaces({ ...page, ...among, signal: call.signal });
  }

  /**
   * Deletes a workspace permanently. Its keys are destroyed at once, so that nothing that was sealed in it opens again; its API
   * keys are revoked and its memberships removed; its credentials are deleted afterwards. For owners of the instance.
   *
   * @param name the workspace's name, so that a mistaken id deletes nothing
   * @throws VaultError `permission_denied`, `not_found`, or `invalid_argument` for a different name and, with the reason
   *   `DEFAULT_WORKSPACE`, for the default workspace of the instance
   */
  async deleteWorkspace(call: MutationCall<Workspace>, text: string, name: string): Promise<Workspace> {
    authorizeOwner(call.caller, 'workspaces.manage');
    const { clock, ciphers, store } = this.#parts;
    const workspace = await this.#findForOwner(call, text);
    if (workspace.name !== name) throw invalidArgument('name', 'must be the name of the workspace');
    const { id } = workspace;
    // An event of the instance: no one can read the events of a deleted workspace.
    const resource = { workspaceId: null, resourceKind: 'workspace', resourceId: id } as const;
    const event = auditEvent(this.#parts, call, { action: 'workspaces.delete', ...resource });
    const keeping = keepingOf(call, (outcome: WorkspaceDeletion) => (outcome === 'done' ? workspace : undefined));
    const deletion = await store.deleteWorkspace({ workspaceId: id, deletedAt: clock.now(), event, keeping });
    if (deletion === 'absent') throw notFound('workspace', text);
    if (deletion === 'default') throw defaultWorkspaceStays();
    ciphers.forget(id);
    return workspace;
  }

  async #findForOwner({ caller, signal }: Call, text: string): Promise<Workspace> {
    const reference = text === 'default' ? { id: caller.defaultWorkspaceId } : parseReference('workspace', text);
    const workspace = reference && (await this.#parts.store.findWorkspace(reference, signal));
    if (!workspace) throw notFound('workspace', text);
    return workspace;
  }
}

function authorizedId({ caller }: Call, text: string): string {
  const id = resolveWorkspace(caller, text);
  requireGrant(caller, id, 'workspaces.read');
  return id;
}

function defaultWorkspaceStays(): VaultError {
  const details = { field: 'workspace_id', reason: 'DEFAULT_WORKSPACE' };
  return new VaultError('invalid_argument', 'the default workspace of the instance cannot be deleted', details);
}
