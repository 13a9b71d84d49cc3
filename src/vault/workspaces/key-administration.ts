import { auditEvent, type EventSource } from '../audit/audit-event.ts';
import { authorizeOwner, type Call } from '../caller.ts';
import type { MutationCall } from '../requests/mutation-call.ts';
import { notFound } from '../errors.ts';
import { parseReference } from '../ids.ts';
import type { WorkspaceKeyRotation } from './key-rotation.ts';
import type { KeyStatus, KeyStatusDirectory, KeyStatusRequest } from './key-status.ts';
import type { MasterKeyRotator, RotatedMaster, SealControl, WorkspaceStore } from './ports.ts';
import type { StartedRotation } from './rotation-ports.ts';

export interface KeyAdministrationParts extends EventSource {
  readonly rotator: MasterKeyRotator;
  readonly rotation: WorkspaceKeyRotation;
  readonly status: KeyStatusDirectory;
  readonly workspaces: Pick<WorkspaceStore, 'findWorkspace'>;
  readonly sealControl: SealControl;
}

/** Administers the keys of the instance, for its owners. */
export class KeyAdministration {
  readonly #parts: KeyAdministrationParts;

  constructor(parts: KeyAdministrationParts) {
    this.#parts = parts;
  }

  /**
   * Makes a new master key in the data directory and rotates to it.
   *
   * @throws VaultError `permission_denied`, and what `MasterKeyRotator` throws
   */
  async rotateMasterKey(call: MutationCall<RotatedMaster>): Promise<RotatedMaster> {
    authorizeOwner(call.caller, 'keys.manage');
    const action = { action: 'keys.rotate_master', resourceKind: 'master_key', resourceId: null } as const;
    const event = auditEvent(this.#parts, call, { ...action, workspaceId: null });
    return this.#parts.rotator.rotateFile(event, call.keeping);
  }

  /**
   * Gives a workspace a new key. What the former one has sealed is sealed again afterwards.
   *
   * @throws VaultError `permission_denied`, `not_found`, and what `KeyRotationStore.startRotation` throws
   */
  async rotateWorkspaceKey(call: MutationCall<StartedRotation>, workspace: string): Promise<StartedRotation> {
    authorizeOwner(call.caller, 'keys.manage');
    return this.#parts.rotation.start(await this.#idOf(call, workspace), call);
  }

  /**
   * The keys of the instance, or of one workspace, without their bytes.
   *
   * @param workspace all where it is empty
   * @throws VaultError `permission_denied` or `not_found`
   */
  async describeKeys(call: Call, workspace: string, page: Omit<KeyStatusRequest, 'workspaceId'>): Promise<KeyStatus> {
    authorizeOwner(call.caller, 'keys.manage');
    const workspaceId = workspace === '' ? undefined : await this.#idOf(call, workspace);
    return this.#parts.status.describe(call, { ...page, workspaceId });
  }

  /**
   * Seals the vault in all processes.
   *
   * @throws VaultError `permission_denied`
   */
  async seal(call: Call): Promise<void> {
    authorizeOwner(call.caller, 'keys.manage');
    const action = { action: 'keys.seal', resourceKind: 'master_key', resourceId: null } as const;
    await this.#parts.sealControl.seal(auditEvent(this.#parts, call, { ...action, workspaceId: null }));
  }

  async #idOf({ caller, signal }: Call, text: string): Promise<string> {
    const reference = text === 'default' ? { id: caller.defaultWorkspaceId } : parseReference('workspace', text);
    const workspace = reference && (await this.#parts.workspaces.findWorkspace(reference, signal));
    if (!workspace) throw notFound('workspace', text);
    return workspace.id;
  }
}
