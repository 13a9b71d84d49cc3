/** Work that every process does periodically, in batches, so that several processes can do it at the same time. */
export interface WorkerTask {
  /** For the log, such as `purging deleted credentials`. */
  readonly name: string;
  /** The time from the end of one run to the beginning of the next, in milliseconds. */
  readonly everyMs: number;
  /**
   * Does one batch; what it throws ends the run, and the next run begins anew.
   *
   * @param signal aborted when the process stops: a batch that has not begun to write may then be left out
   */
  runBatch(signal: AbortSignal): Promise<BatchResult>;
}

/** What a batch did. */
export interface BatchResult {
  /** The number of rows that it changed. */
  readonly count: number;
  /** Whether another batch follows at once. */
  readonly hasMore: boolean;
}

/** The position of a row in the order in which rows become due. */
export interface DuePlace {
  readonly workspaceId: string;
  readonly id: string;
  readonly dueAt: Date;
}

/** One batch of rows that were due. */
export interface DueBatch {
  /** The number of rows that were changed. Other processes may have claimed the rest, or it cannot be changed. */
  readonly count: number;
  /** Where the next batch begins; undefined after the last one. */
  readonly last: DuePlace | undefined;
}

/** The parts of a task that works through rows that are due. */
export interface DueTaskParts extends Pick<WorkerTask, 'name' | 'everyMs'> {
  /** Changes the first rows that are due after a place, in one transaction. */
  readonly change: (after: DuePlace | undefined) => Promise<DueBatch>;
}

/**
 * Works through all rows that are due, batch by batch. A row that cannot be changed, such as one that was tampered with, does
 * not block those after it; it is due again in the next run.
 */
export class DueTask implements WorkerTask {
  readonly name: string;
  readonly everyMs: number;
  readonly #change: DueTaskParts['change'];
  #after: DuePlace | undefined;

  constructor({ name, everyMs, change }: DueTaskParts) {
    this.name = name;
    this.everyMs = everyMs;
    this.#change = change;
  }

  async runBatch(): Promise<BatchResult> {
    const after = this.#after;
    this.#after = undefined;
    const { count, last } = await this.#change(after);
    this.#after = last;
    return { count, hasMore: last !== undefined };
  }
}
