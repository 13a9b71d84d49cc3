import { auditEvent } from './audit-event.ts';
import { authorize, authorizeOwner, resolveWorkspace, type Call } from './caller.ts';
import { invalidArgument, notFound } from './errors.ts';
import { parseReference } from './ids.ts';
import { limits } from './limits.ts';
import type { Clock, IdSource, SealerSource, Workspace, WorkspaceStore } from './ports.ts';

/** Creates and shows workspaces. */
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
    const { clock, ids, sealers, store } = this.#parts;
    const id = ids.next();
    const now = clock.now();
    const workspace = { id, name, createdBy: call.caller.userId, createdAt: now };
    const resource = { workspaceId: id, resourceKind: 'workspace', resourceId: id };
    await store.createWorkspace({
      workspace,
      key: sealers.newWorkspaceKey(id),
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

  #authorizedId(call: Call, text: string): string {
    const id = resolveWorkspace(call.caller, text);
    authorize(call.caller, id, 'workspaces.read');
    return id;
  }
}

/** What the directory works with. */
export interface WorkspaceDirectoryParts {
  readonly store: WorkspaceStore;
  readonly sealers: SealerSource;
  readonly clock: Clock;
  readonly ids: IdSource;
}

function checkName(name: string): void {
  if (name.trim() === '') throw invalidArgument('workspace.name', 'must not be empty');
  if (Array.from(name).length > limits.nameCharacters) {
    throw invalidArgument('workspace.name', `must be at most ${limits.nameCharacters} characters`);
  }
  if (name.includes('\0')) throw invalidArgument('workspace.name', 'must not contain U+0000');
}
