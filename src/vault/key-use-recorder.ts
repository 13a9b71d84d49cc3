import type { ApiKeyStore, ApiKeyUse } from './ports.ts';

/** The most keys that are remembered until the next flush; of others it is noted when they are used again. */
export const usedKeysMax = 10_000;

/**
 * Gathers when API keys are used, so that `last_used_at` is written once a second for all of them, and no call waits for
 * it. A process that is killed forgets at most what came since the last flush.
 */
export class KeyUseRecorder {
  readonly #store: Pick<ApiKeyStore, 'recordUses'>;
  #uses = new Map<string, Date>();

  constructor(store: Pick<ApiKeyStore, 'recordUses'>) {
    this.#store = store;
  }

  /** Notes that a key has proved a caller. */
  note(apiKeyId: string, usedAt: Date): void {
    const earlier = this.#uses.get(apiKeyId);
    const isNoted = earlier ? earlier < usedAt : this.#uses.size < usedKeysMax;
    if (isNoted) this.#uses.set(apiKeyId, usedAt);
  }

  /** Writes what was noted; what can't be written is kept for the next time, and the failure is thrown. */
  async flush(): Promise<void> {
    if (this.#uses.size === 0) return;
    const uses = [...this.#uses].map(([id, lastUsedAt]): ApiKeyUse => ({ id, lastUsedAt }));
    this.#uses = new Map();
    try {
      await this.#store.recordUses(uses);
    } catch (error) {
      for (const { id, lastUsedAt } of uses) this.note(id, lastUsedAt);
      throw error;
    }
  }
}
