import type { Clock } from '../time.ts';
import type { BatchResult, WorkerTask } from '../worker-task.ts';
import type { PurgeStore, WorkspaceCipherSource, UnpurgedWorkspace } from './ports.ts';

export interface WorkspacePurgeParts {
  readonly store: PurgeStore;
  readonly ciphers: Pick<WorkspaceCipherSource, 'forget'>;
  readonly clock: Clock;
}

/** How long calls that began before a deletion may still write to the workspace, in milliseconds. */
const settlesAfterMs = 3_600_000;

/**
 * Removes what remains of deleted workspaces: their keys in the memory of this process, whichever process deleted them, and
 * their credentials, which can no longer be opened, in small batches.
 */
export class WorkspacePurge implements WorkerTask {
  readonly name = 'clearing deleted workspaces away';
  readonly everyMs = 10_000;
  readonly #parts: WorkspacePurgeParts;
  #running: Promise<void> | undefined;
  #isEnding = false;

  constructor(parts: WorkspacePurgeParts) {
    this.#parts = parts;
  }

  /** Purges everything that can be purged now; concurrent calls wait for the same run. Throws what the store throws. */
  async run(): Promise<void> {
    this.#running ??= this.#purgeAll().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async runBatch(): Promise<BatchResult> {
    await this.run();
    return { count: 0, hasMore: false };
  }

  /** Stops after the current batch; the rest is purged after the next start. */
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
