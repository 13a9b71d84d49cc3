import { auditEvent, systemEvent, type AuditEvent, type EventSource } from '../audit/audit-event.ts';
import type { Call } from '../caller.ts';
import { VaultError } from '../errors.ts';
import type { MutationCall } from '../requests/mutation-call.ts';
import type { WorkspaceCipherSource } from './ports.ts';
import type { KeyRotationStore, StartedRotation } from './rotation-ports.ts';

export interface WorkspaceKeyRotationParts extends EventSource {
  readonly store: Pick<KeyRotationStore, 'startRotation'>;
  readonly ciphers: Pick<WorkspaceCipherSource, 'newWorkspaceKey' | 'refresh' | 'renew'>;
}

/** Gives workspaces new keys. Their versions are sealed again afterwards; see `ResealTask`. */
export class WorkspaceKeyRotation {
  readonly #parts: WorkspaceKeyRotationParts;

  constructor(parts: WorkspaceKeyRotationParts) {
    this.#parts = parts;
  }

  /** @throws what `KeyRotationStore.startRotation` throws */
  async start(workspaceId: string, call: MutationCall<StartedRotation>): Promise<StartedRotation> {
    return this.#start(workspaceId, (resourceId) => rotationEvent(this.#parts, call, workspaceId, resourceId), call);
  }

  /** Rotates without a caller, because of the age of the key. @throws what `KeyRotationStore.startRotation` throws */
  async startAged(workspaceId: string): Promise<StartedRotation> {
    return this.#start(workspaceId, (resourceId) =>
      systemEvent(this.#parts, { action: 'keys.rotate', resourceKind: 'workspace_key', resourceId, workspaceId }),
    );
  }

  async #start(
    workspaceId: string,
    eventOf: (keyId: string) => AuditEvent,
    { keeping }: Pick<MutationCall<StartedRotation>, 'keeping'> = {},
  ): Promise<StartedRotation> {
    const { ciphers, store } = this.#parts;
    const begin = async (): Promise<StartedRotation> => {
      const key = ciphers.newWorkspaceKey(workspaceId);
      return store.startRotation({ key, event: eventOf(keyIdText(key.keyId)), keeping });
    };
    const started = await begin().catch(async (error: unknown) => {
      if (!(error instanceof VaultError && error.details.reason === 'MASTER_KEY_ROTATED')) throw error;
      await ciphers.renew();
      return begin();
    });
    // Other processes are notified; what this one seals after its answer is sealed with the new key.
    await ciphers.refresh(workspaceId);
    return started;
  }
}

/** The id of a key as it is shown: 16 hex digits. */
export function keyIdText(keyId: Uint8Array): string {
  return keyId.reduce((text, byte) => text + byte.toString(16).padStart(2, '0'), '');
}

function rotationEvent(source: EventSource, call: Call, workspaceId: string, resourceId: string): AuditEvent {
  return auditEvent(source, call, { action: 'keys.rotate', resourceKind: 'workspace_key', resourceId, workspaceId });
}
