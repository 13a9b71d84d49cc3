import { auditEvent } from '../audit/audit-event.ts';
import { authorize, authorizeOwner, resolveWorkspace, type Call } from '../caller.ts';
import { invalidArgument, notFound, VaultError } from '../errors.ts';
import { parseReference, type IdSource } from '../ids.ts';
import { limits } from '../limits.ts';
import type { Clock } from '../time.ts';
import type { WorkspaceCipherSource, Workspace, WorkspaceStore } from './ports.ts';

/** Creates, shows and deletes workspaces. */
export class WorkspaceDirectory {
  readonly #parts: WorkspaceDirectoryParts;

  constructor(parts: WorkspaceDirectoryParts) {
    this.#parts = parts;
  }

  /**
   * Creates a workspace with a key of its own; its maker becomes ADMIN there. For owners of the instance.
   *
   * @throws VaultError `permission_denied` or `invalid_argument`
   */
  async createWorkspace(call: Call, name: string): Promise<Workspace> {
    authorizeOwner(call.caller, 'workspaces.manage');
    checkName(name);
    const { clock, ids, ciphers, store } = this.#parts;
    const id = ids.next();
    const now = clock.now();
    const workspace = { id, name, createdBy: call.caller.userId, createdAt: now };
    const resource = { workspaceId: id, resourceKind: 'workspace', resourceId: id };
    await store.createWorkspace({
      workspace,
      key: ciphers.newWorkspaceKey(id),
      maker: { workspaceId: id, userId: call.caller.userId, role: 'ADMIN', mayReveal: true },
      event: auditEvent(call, { id: ids.next(), time: now, action: 'workspaces.create', outcome: 'OK', ...resource }),
    });
    return workspace;
  }

  /** Shows a workspace to its members and to owners; to others it is `not_found`. */
  async describeWorkspace(call: Call, text: string): Promise<Workspace> {
    const reference = call.caller.isOwner && text !== 'default' ? parseReference('workspace', text) : undefined;
    const workspace = await this.#parts.store.findWorkspace(
      reference ?? { id: this.#authorizedId(call, text) },
      call.signal,
    );
    if (!workspace) throw notFound('workspace', text);
    return workspace;
  }

  /** The workspaces that the caller has a grant in, for an owner all of them, in the order of creation. */
  async listWorkspaces(
    call: Call,
    page: { readonly after?: string; readonly size: number },
  ): Promise<readonly Workspace[]> {
    if (!(page.size >= 1 && page.size <= limits.pageSize)) throw invalidArgument('page_size', 'is out of range');
    const { isOwner, grants } = call.caller;
    const among = isOwner ? {} : { among: grants.map(({ workspaceId }) => workspaceId) };
    return this.#parts.store.listWorkspaces({ ...page, ...among, signal: call.signal });
  }

  /**
   * Deletes a workspace for good: its keys are destroyed at once, so that nothing that was sealed in it opens again, its API
   * keys are revoked, its memberships end, and its credentials follow. For owners of the instance.
   *
   * @param name the workspace's, so that no mistaken id destroys another one
   * @throws VaultError `permission_denied`, `not_found`, or `invalid_argument` where the name is another, and, with the reason
   *   `DEFAULT_WORKSPACE`, for the default workspace of the instance
   */
  async deleteWorkspace(call: Call, text: string, name: string): Promise<Workspace> {
    authorizeOwner(call.caller, 'workspaces.manage');
    const { clock, ids, ciphers, store } = this.#parts;
    const workspace = await this.#findForOwner(call, text);
    if (workspace.name !== name) throw invalidArgument('name', 'must be the name of the workspace');
    const { id } = workspace;
    const deletedAt = clock.now();
    // Nobody is left to read the workspace's own events: the instance's tell of it.
    const resource = { workspaceId: null, resourceKind: 'workspace', resourceId: id };
    const deed = { id: ids.next(), time: deletedAt, action: 'workspaces.delete', outcome: 'OK', ...resource } as const;
    const deletion = await store.deleteWorkspace({ workspaceId: id, deletedAt, event: auditEvent(call, deed) });
    if (deletion === 'absent') throw notFound('workspace', text);
    if (deletion === 'default') throw defaultStays();
    ciphers.forget(id);
    return workspace;
  }

  async #findForOwner({ caller, signal }: Call, text: string): Promise<Workspace> {
    const reference = text === 'default' ? { id: caller.defaultWorkspaceId } : parseReference('workspace', text);
    const workspace = reference && (await this.#parts.store.findWorkspace(reference, signal));
    if (!workspace) throw notFound('workspace', text);
    return workspace;
  }

  #authorizedId(call: Call, text: string): string {
    const id = resolveWorkspace(call.caller, text);
    authorize(call.caller, id, 'workspaces.read');
    return id;
  }
}

/** What the directory works with. */
export interface WorkspaceDirectoryParts {
  readonly store: WorkspaceStore;
  readonly ciphers: WorkspaceCipherSource;
  readonly clock: Clock;
  readonly ids: IdSource;
}

function defaultStays(): VaultError {
  const details = { field: 'workspace_id', reason: 'DEFAULT_WORKSPACE' };
  return new VaultError('invalid_argument', 'the default workspace of the instance must stay', details);
}

function checkName(name: string): void {
  if (name.trim() === '') throw invalidArgument('workspace.name', 'must not be empty');
  if (Array.from(name).length > limits.nameCharacters) {
    throw invalidArgument('workspace.name', `must be at most ${limits.nameCharacters} characters`);
  }
  if (name.includes('\0')) throw invalidArgument('workspace.name', 'must not contain U+0000');
}
