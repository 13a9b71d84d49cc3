import { VaultError } from '../vault/errors.ts';
import type { WorkerTask } from '../vault/worker-task.ts';

/** The log of workers, such as that of pino. */
export interface WorkerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** The workers of this process. */
export interface Workers extends AsyncDisposable {
  /** Runs a task now, or once more after the present run. */
  wake(task: WorkerTask): void;
}

/**
 * Runs tasks periodically, each by itself and never twice at the same time. The first runs begin after a random part of their
 * interval, so that processes which start together do not work together. A failure is logged, and the next run tries again.
 *
 * Disposing of it begins no further batch, and waits for those that are running.
 */
export function startWorkers(tasks: readonly WorkerTask[], log: WorkerLog): Workers {
  const loops = new Map(tasks.map((task) => [task, new WorkerLoop(task, log)]));
  return {
    wake: (task) => loops.get(task)?.wake(),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...loops.values()].map((loop) => loop.stop()));
    },
  };
}

/** The runs of one task. */
class WorkerLoop {
  readonly #task: WorkerTask;
  readonly #log: WorkerLog;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isWoken = false;

  constructor(task: WorkerTask, log: WorkerLog) {
    this.#task = task;
    this.#log = log;
    this.#schedule(Math.random() * task.everyMs);
  }

  wake(): void {
    this.#isWoken = true;
    if (!this.#running) this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(afterMs: number): void {
    clearTimeout(this.#timer);
    if (this.#stopping.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#run();
    }, afterMs);
  }

  async #run(): Promise<void> {
    this.#isWoken = false;
    await this.#runAll();
    this.#running = undefined;
    this.#schedule(this.#isWoken ? 0 : this.#task.everyMs);
  }

  async #runAll(): Promise<void> {
    const { name } = this.#task;
    const { signal } = this.#stopping;
    let rows = 0;
    try {
      for (let hasMore = true; hasMore && !signal.aborted;) {
        const batch = await this.#task.runBatch(signal);
        rows += batch.count;
        hasMore = batch.hasMore;
      }
    } catch (err) {
      if (!signal.aborted && !isOutage(err))
        this.#log.warn({ err, task: name }, 'a background task failed, and is tried again');
    }
    if (rows > 0) this.#log.info({ task: name, rows }, 'a background task is done');
  }
}

/** An outage of the database is logged where it is noticed. */
function isOutage(error: unknown): boolean {
  return error instanceof VaultError && error.code === 'unavailable';
}
