/** Writes uses that were collected. */
export interface UsageStore<Use> {
  recordUses(uses: readonly Use[]): Promise<void>;
}

/**
 * Gathers the uses of secrets, so that `last_used_at` and `use_count` are written once a second for all of them, and a
 * reveal takes no row lock. A process that is killed forgets at most the uses since the last flush; the audit trail has them.
 */
export class UseRecorder {
  readonly #store: UsageStore<CredentialUse>;
  #uses = new Map<string, CredentialUse>();

  constructor(store: UsageStore<CredentialUse>) {
    this.#store = store;
  }

  /** Notes one use. */
  note(workspaceId: string, credentialId: string, usedAt: Date): void {
    this.#add({ workspaceId, credentialId, lastUsedAt: usedAt, uses: 1 });
  }

  /** Writes what was noted; what can't be written is kept for the next time, and the failure is thrown. */
  async flush(): Promise<void> {
    if (this.#uses.size === 0) return;
    const uses = [...this.#uses.values()];
    this.#uses = new Map();
    try {
      await this.#store.recordUses(uses);
    } catch (error) {
      for (const use of uses) this.#add(use);
      throw error;
    }
  }

  #add(use: CredentialUse): void {
    const earlier = this.#uses.get(use.credentialId);
    if (!earlier) {
      this.#uses.set(use.credentialId, use);
      return;
    }
    const lastUsedAt = earlier.lastUsedAt > use.lastUsedAt ? earlier.lastUsedAt : use.lastUsedAt;
    this.#uses.set(use.credentialId, { ...use, lastUsedAt, uses: earlier.uses + use.uses });
  }
}

/** A use of a secret, to be counted. */
export interface CredentialUse {
  readonly workspaceId: string;
  readonly credentialId: string;
  readonly lastUsedAt: Date;
  readonly uses: number;
}

/** The most keys that are remembered until the next flush; of others it is noted when they are used again. */
export const usedKeysMax = 10_000;

/**
 * Gathers when API keys are used, so that `last_used_at` is written once a second for all of them, and no call waits for
 * it. A process that is killed forgets at most what came since the last flush.
 */
export class KeyUseRecorder {
  readonly #store: UsageStore<ApiKeyUse>;
  #uses = new Map<string, Date>();

  constructor(store: UsageStore<ApiKeyUse>) {
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

/** That an API key has proved a caller. */
export interface ApiKeyUse {
  readonly id: string;
  readonly lastUsedAt: Date;
}
