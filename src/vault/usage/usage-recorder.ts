/** The uses of a credential's secret or of an API key since they were last written. */
export interface Usage {
  readonly workspaceId: string;
  /** The id of the credential or of the API key. */
  readonly id: string;
  readonly lastUsedAt: Date;
  readonly uses: number;
}

/** Writes usage. */
export interface UsageStore {
  /** Never moves a time backward, and ignores ids that no longer exist. */
  recordUses(uses: readonly Usage[]): Promise<void>;
}

/** The most API keys whose usage is collected between two flushes. */
export const usedKeysMax = 10_000;

/**
 * Collects uses, so that `last_used_at` and `use_count` are written once a second for all of them, and neither a reveal nor
 * an authentication waits for a row lock. A killed process loses at most the uses since the last flush; reveals are also in
 * the audit trail.
 */
export class UsageRecorder {
  readonly #store: UsageStore;
  readonly #entriesMax: number;
  #usage = new Map<string, { -readonly [Property in keyof Usage]: Usage[Property] }>();

  /** @param entriesMax how many ids are collected between two flushes; uses of others are dropped */
  constructor(store: UsageStore, entriesMax = Number.POSITIVE_INFINITY) {
    this.#store = store;
    this.#entriesMax = entriesMax;
  }

  /** Records one use. */
  record(workspaceId: string, id: string, usedAt: Date, uses = 1): void {
    const known = this.#usage.get(id);
    if (known) {
      if (known.lastUsedAt < usedAt) known.lastUsedAt = usedAt;
      known.uses += uses;
    } else if (this.#usage.size < this.#entriesMax) {
      this.#usage.set(id, { workspaceId, id, lastUsedAt: usedAt, uses });
    }
  }

  /** Writes the collected usage. What cannot be written is kept for the next flush, and the failure is thrown. */
  async flush(): Promise<void> {
    if (this.#usage.size === 0) return;
    const usage = [...this.#usage.values()];
    this.#usage = new Map();
    try {
      await this.#store.recordUses(usage);
    } catch (error) {
      for (const { workspaceId, id, lastUsedAt, uses } of usage) this.record(workspaceId, id, lastUsedAt, uses);
      throw error;
    }
  }
}
