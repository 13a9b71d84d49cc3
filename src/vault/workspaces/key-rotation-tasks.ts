import { systemEvent, type EventSource } from '../audit/audit-event.ts';
import { VaultError } from '../errors.ts';
import { WorkSlices, type EventLoop } from '../work-slices.ts';
import { DueTask, type BatchResult, type WorkerTask } from '../worker-task.ts';
import { keyIdText, type WorkspaceKeyRotation } from './key-rotation.ts';
import type { WorkspaceCipher, WorkspaceCipherSource } from './ports.ts';
import type { KeyRotationStore, Reseal, ResealedVersion, RetiringKey } from './rotation-ports.ts';

export interface ResealTaskParts extends EventSource {
  readonly store: KeyRotationStore;
  readonly ciphers: Pick<WorkspaceCipherSource, 'cipherFor' | 'refresh'>;
  readonly eventLoop: EventLoop;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** The part of the time that a worker pauses after a batch, so that callers are served meanwhile. */
const pausePerWork = 1;

/**
 * Seals the versions under retiring keys again with the current key of their workspace, in small transactions and by one process
 * of the cluster at a time, and destroys each key that no version needs any more. A version that does not open keeps its key; the
 * next run tries again.
 */
export class ResealTask implements WorkerTask {
  readonly name = 'sealing versions with new keys';
  readonly everyMs = 30_000;
  readonly #parts: ResealTaskParts;
  /** The keys that this run has finished with. */
  #finished = new Set<string>();

  constructor(parts: ResealTaskParts) {
    this.#parts = parts;
  }

  async runBatch(signal: AbortSignal): Promise<BatchResult> {
    const retiring = await this.#parts.store.findRetiring();
    const next = retiring.find((key) => !this.#finished.has(keyIdText(key.keyId)));
    if (!next) {
      this.#finished = new Set();
      return { count: 0, hasMore: false };
    }
    const startedMs = this.#parts.eventLoop.nowMs();
    const result = await this.#work(next);
    if (result.count > 0) await this.#parts.wait(pausePerWork * (this.#parts.eventLoop.nowMs() - startedMs), signal);
    return result;
  }

  async #work(key: RetiringKey): Promise<BatchResult> {
    const { clock, store } = this.#parts;
    const cipher = await this.#cipherOf(key);
    if (!cipher) return this.#finish(key);
    const reseal: Reseal = (versions) => this.#reseal(cipher, key, versions);
    const { count, isFree, isPassEnded, unreadable } = await store.resealSome(key, clock.now(), reseal);
    if (!isFree) {
      this.#finished = new Set();
      return { count: 0, hasMore: false };
    }
    if (!isPassEnded) return { count, hasMore: true };
    if (unreadable === 0) await this.#destroy(key);
    return { ...this.#finish(key), count };
  }

  #finish({ keyId }: RetiringKey): BatchResult {
    this.#finished.add(keyIdText(keyId));
    return { count: 0, hasMore: true };
  }

  /** Undefined if the workspace is being deleted, or its keys were changed outside of Coffer. */
  async #cipherOf({ keyId, workspaceId }: RetiringKey): Promise<WorkspaceCipher | undefined> {
    const { ciphers } = this.#parts;
    try {
      const cipher = await ciphers.cipherFor(workspaceId);
      // The notice of the rotation may not have arrived.
      if (cipher.sealsWith(keyId)) await ciphers.refresh(workspaceId);
      return cipher.sealsWith(keyId) ? undefined : cipher;
    } catch (error) {
      if (error instanceof VaultError && error.code === 'secret_unreadable') return undefined;
      throw error;
    }
  }

  async #reseal(
    cipher: WorkspaceCipher,
    { workspaceId }: RetiringKey,
    versions: Parameters<Reseal>[0],
  ): Promise<readonly ResealedVersion[]> {
    const slices = new WorkSlices(this.#parts.eventLoop);
    const resealed: ResealedVersion[] = [];
    for (const { credentialId, sealed, version } of versions) {
      await slices.next();
      try {
        const identity = { workspaceId, credentialId, version };
        resealed.push({ credentialId, version, ...cipher.reseal(identity, sealed) });
      } catch (error) {
        if (!(error instanceof VaultError && error.code === 'secret_unreadable')) throw error;
      }
    }
    return resealed;
  }

  async #destroy(key: RetiringKey): Promise<void> {
    const { workspaceId } = key;
    const resourceId = keyIdText(key.keyId);
    const resource = { resourceKind: 'workspace_key', resourceId, workspaceId } as const;
    const isDestroyed = await this.#parts.store.destroyKey(
      key,
      systemEvent(this.#parts, { action: 'keys.destroy', ...resource }),
    );
    if (isDestroyed) await this.#parts.ciphers.refresh(workspaceId);
  }
}

export interface AgedKeysParts extends EventSource {
  readonly store: Pick<KeyRotationStore, 'findAged'>;
  readonly rotation: WorkspaceKeyRotation;
  /** After how many days a key is replaced. */
  readonly daysMax: number;
}

const dayMs = 86_400_000;

/** Replaces the keys of workspaces by their age. */
export function agedKeysTask({ clock, daysMax, rotation, store }: AgedKeysParts): WorkerTask {
  return new DueTask({
    name: 'replacing old keys of workspaces',
    everyMs: 60_000,
    change: async (after) => {
      const due = await store.findAged(new Date(clock.now().getTime() - daysMax * dayMs), after);
      let count = 0;
      for (const { workspaceId } of due) if (await isStarted(rotation, workspaceId)) count += 1;
      return { count, last: due.at(-1) };
    },
  });
}

/** Another process may have been first, or have deleted the workspace; a workspace whose keys were changed does not stop the others. */
async function isStarted(rotation: WorkspaceKeyRotation, workspaceId: string): Promise<boolean> {
  try {
    await rotation.startAged(workspaceId);
    return true;
  } catch (error) {
    if (error instanceof VaultError && error.code !== 'unavailable') return false;
    throw error;
  }
}
