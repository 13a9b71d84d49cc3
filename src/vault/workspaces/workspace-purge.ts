import type { Clock } from '../time.ts';
import type { PurgeStore, WorkspaceCipherSource, UnpurgedWorkspace } from './ports.ts';

/** What purging works with. */
export interface WorkspacePurgeParts {
  readonly store: PurgeStore;
  readonly ciphers: Pick<WorkspaceCipherSource, 'forget'>;
  readonly clock: Clock;
}

/** For how long calls may still be under way that began before the deletion, and may leave something behind. */
const settlesAfterMs = 3_600_000;

/**
 * Clears away what is left of deleted workspaces: their keys in the memory of this process, whichever one deleted them, and
 * their credentials, which nobody can open any more, a few at a time.
 */
export class WorkspacePurge {
  readonly #parts: WorkspacePurgeParts;
  #running: Promise<void> | undefined;
  #isEnding = false;

  constructor(parts: WorkspacePurgeParts) {
    this.#parts = parts;
  }

  /** Does all there is to do now; who calls it meanwhile waits for the same. Throws what the store throws. */
  async run(): Promise<void> {
    this.#running ??= this.#purgeAll().finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Leaves the rest for the next start, and waits for what is under way. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#running;
  }

  async #purgeAll(): Promise<void> {
    const { ciphers, store } = this.#parts;
    const unpurged = await store.findUnpurged();
    for (const { id } of unpurged) ciphers.forget(id);
    for (const one of unpurged) await this.#purge(one);
  }

  async #purge({ id, deletedAt }: UnpurgedWorkspace): Promise<void> {
    const { clock, store } = this.#parts;
    let mayHaveMore = true;
    while (mayHaveMore && !this.#isEnding) mayHaveMore = await store.purgeSome(id);
    const now = clock.now();
    if (!mayHaveMore && now.getTime() - deletedAt.getTime() >= settlesAfterMs) await store.endPurge(id, now);
  }
}
