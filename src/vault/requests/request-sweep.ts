import type { Clock } from '../time.ts';
import type { BatchResult, WorkerTask } from '../worker-task.ts';
import type { RequestStore } from './ports.ts';

/** Removes the records of requests after 24 hours. Until then, and before it comes, expired records have no effect. */
export class RequestSweep implements WorkerTask {
  readonly name = 'removing expired request ids';
  readonly everyMs = 60_000;
  readonly #store: Pick<RequestStore, 'sweep'>;
  readonly #clock: Clock;

  constructor({ store, clock }: { readonly store: Pick<RequestStore, 'sweep'>; readonly clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  runBatch(): Promise<BatchResult> {
    return this.#store.sweep(this.#clock.now());
  }
}
