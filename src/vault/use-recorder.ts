import type { CredentialStore, CredentialUse } from './ports.ts';

/**
 * Gathers the uses of secrets, so that `last_used_at` and `use_count` are written once a second for all of them, and a
 * reveal takes no row lock. A process that is killed forgets at most the uses since the last flush; the audit trail has them.
 */
export class UseRecorder {
  readonly #store: Pick<CredentialStore, 'recordUses'>;
  #uses = new Map<string, CredentialUse>();

  constructor(store: Pick<CredentialStore, 'recordUses'>) {
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
