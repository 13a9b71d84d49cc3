import type { Call } from '../caller.ts';
import { consumersMax, type Consumer } from '../consumer.ts';
import type { Clock } from '../time.ts';

/** The last use of a credential by a consumer. */
export interface ConsumerUse extends Consumer {
  readonly workspaceId: string;
  readonly credentialId: string;
}

/** Writes consumers. */
export interface ConsumerStore {
  /**
   * Keeps the `consumersMax` newest consumers of each credential. It never moves a time backward, and ignores credentials that no
   * longer exist.
   */
  recordConsumers(uses: readonly ConsumerUse[]): Promise<void>;
}

/** The most pairs of a credential and a consumer in memory; further ones are not recorded until others are forgotten. */
const pairsMax = 100_000;
const writeEveryMs = 60_000;

/** A credential and a consumer that used it lately. */
interface Pair {
  readonly use: Omit<ConsumerUse, 'lastUsedAt'>;
  /** The last use that is not written yet. */
  unwrittenAt: Date | undefined;
  /** When a use was last written; before all times if none was. */
  writtenAtMs: number;
}

/**
 * Collects who uses credentials: the first use of a pair is written with the next flush, and later ones once a minute, so that
 * a busy pair costs a reveal no more than a look-up in memory. A killed process loses what it has not written.
 */
export class ConsumerRecorder {
  readonly #store: ConsumerStore;
  readonly #clock: Clock;
  readonly #pairs = new Map<string, Pair>();

  constructor(store: ConsumerStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Records one use. */
  record({ caller, workspaceId }: Pick<Call, 'caller' | 'workspaceId'>, credentialId: string, usedAt: Date): void {
    const key = credentialId + caller.id;
    const known = this.#pairs.get(key);
    if (known) {
      known.unwrittenAt = usedAt;
    } else if (this.#pairs.size < pairsMax) {
      const { id, kind, name } = caller;
      const use = { workspaceId, credentialId, id, kind, name };
      this.#pairs.set(key, { use, unwrittenAt: usedAt, writtenAtMs: Number.NEGATIVE_INFINITY });
    }
  }

  /** Writes the uses that are due, and forgets pairs without uses in the last minute. A failed write is repeated. */
  async flush(): Promise<void> {
    const nowMs = this.#clock.now().getTime();
    const due: Pair[] = [];
    for (const [key, pair] of this.#pairs) {
      if (nowMs - pair.writtenAtMs < writeEveryMs) continue;
      if (pair.unwrittenAt) due.push(pair);
      else this.#pairs.delete(key);
    }
    await this.#write(due, nowMs);
  }

  /** Writes all uses, whether they are due or not. */
  async flushAll(): Promise<void> {
    const unwritten = [...this.#pairs.values()].filter(({ unwrittenAt }) => unwrittenAt);
    await this.#write(unwritten, this.#clock.now().getTime());
  }

  async #write(pairs: readonly Pair[], nowMs: number): Promise<void> {
    if (pairs.length === 0) return;
    const uses = pairs.flatMap((pair) => {
      const { use, unwrittenAt: lastUsedAt } = pair;
      pair.unwrittenAt = undefined;
      pair.writtenAtMs = nowMs;
      return lastUsedAt ? [{ ...use, lastUsedAt }] : [];
    });
    try {
      await this.#store.recordConsumers(newestOfEach(uses));
    } catch (error) {
      for (const [index, pair] of pairs.entries()) {
        pair.unwrittenAt ??= uses[index]?.lastUsedAt;
        pair.writtenAtMs = Number.NEGATIVE_INFINITY;
      }
      throw error;
    }
  }
}

/** What the store would drop at once is not written. */
function newestOfEach(uses: readonly ConsumerUse[]): readonly ConsumerUse[] {
  if (uses.length <= consumersMax) return uses;
  return [...Map.groupBy(uses, ({ credentialId }) => credentialId).values()].flatMap((own) =>
    own.length <= consumersMax
      ? own
      : own.toSorted((one, other) => other.lastUsedAt.getTime() - one.lastUsedAt.getTime()).slice(0, consumersMax),
  );
}
