import { auditEvent, type EventSource } from '../audit/audit-event.ts';
import { authorizeOwner, type Call } from '../caller.ts';
import type { MutationCall } from '../requests/mutation-call.ts';
import type { MasterKeyRotator, RotatedMaster, SealControl } from './ports.ts';

export interface KeyAdministrationParts extends EventSource {
  readonly rotator: MasterKeyRotator;
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
   * Seals the vault in all processes.
   *
   * @throws VaultError `permission_denied`
   */
  async seal(call: Call): Promise<void> {
    authorizeOwner(call.caller, 'keys.manage');
    const action = { action: 'keys.seal', resourceKind: 'master_key', resourceId: null } as const;
    await this.#parts.sealControl.seal(auditEvent(this.#parts, call, { ...action, workspaceId: null }));
  }
}
