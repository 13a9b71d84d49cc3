import type { EventSource } from '../audit/audit-event.ts';
import { nilUuid } from '../ids.ts';
import type { BatchResult, DuePlace, WorkerTask } from '../worker-task.ts';
import type { VersionPruneStore } from './due-ports.ts';
import { decideDuePrune } from './version-retention.ts';

export interface PruneTaskParts extends EventSource {
  readonly prunes: VersionPruneStore;
  readonly everyMs: number;
  /** After how many days superseded versions are pruned. */
  readonly versionDaysMax: number;
}

const dayMs = 86_400_000;
/** How often everything is looked at again: another process may have failed to prune what it found. */
const wholePassEveryMs = 3_600_000;

/**
 * Prunes versions that were superseded some days ago. They become due in the order in which they were superseded, so a run
 * begins where the last complete one ended: what was pruned long ago is not looked at each time.
 */
export class PruneTask implements WorkerTask {
  readonly name = 'pruning old versions';
  readonly everyMs: number;
  readonly #parts: PruneTaskParts;
  /** Where runs begin. */
  #start: DuePlace | undefined;
  #wholePassAtMs = Number.NEGATIVE_INFINITY;
  /** Where the next batch of this run begins. */
  #after: DuePlace | undefined;
  #isComplete = true;

  constructor(parts: PruneTaskParts) {
    this.everyMs = parts.everyMs;
    this.#parts = parts;
  }

  async runBatch(): Promise<BatchResult> {
    const { clock, prunes, versionDaysMax } = this.#parts;
    const nowMs = clock.now().getTime();
    const now = new Date(nowMs - versionDaysMax * dayMs);
    if (!this.#after) this.#beginRun(nowMs);
    const after = this.#after ?? this.#start;
    this.#after = undefined;
    const { count, isComplete, last } = await prunes.pruneDue({ now, after }, (found) =>
      decideDuePrune(this.#parts, found),
    );
    this.#isComplete &&= isComplete;
    this.#after = last;
    if (!last && this.#isComplete) this.#start = { workspaceId: nilUuid, id: nilUuid, dueAt: now };
    return { count, hasMore: last !== undefined };
  }

  #beginRun(nowMs: number): void {
    this.#isComplete = true;
    if (nowMs - this.#wholePassAtMs < wholePassEveryMs) return;
    this.#wholePassAtMs = nowMs;
    this.#start = undefined;
  }
}
