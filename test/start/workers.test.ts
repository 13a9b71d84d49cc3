import { expect } from 'chai';
import { startWorkers } from '../../src/start/workers.ts';
import { VaultError } from '../../src/vault/errors.ts';
import type { BatchResult, WorkerTask } from '../../src/vault/worker-task.ts';
import { recordingLog } from '../store/fixtures.ts';

const done: BatchResult = { count: 0, hasMore: false };

/** A task whose batches the test ends one by one; a run begins only when it is woken, but for the first. */
class SteppedTask implements WorkerTask {
  readonly name = 'stepping';
  readonly everyMs = 1_000_000;
  readonly signals: AbortSignal[] = [];
  #begun = Promise.withResolvers<void>();
  #ended = Promise.withResolvers<BatchResult>();

  runBatch(signal: AbortSignal): Promise<BatchResult> {
    this.signals.push(signal);
    this.#begun.resolve();
    return this.#ended.promise;
  }

  /** Resolves when a batch has begun. */
  async begun(): Promise<void> {
    await this.#begun.promise;
    this.#begun = Promise.withResolvers();
  }

  end(result: BatchResult | Error): void {
    const ended = this.#ended;
    this.#ended = Promise.withResolvers();
    if (result instanceof Error) ended.reject(result);
    else ended.resolve(result);
  }
}

describe('the workers of a process', () => {
  let log: ReturnType<typeof recordingLog>;
  let task: SteppedTask;

  beforeEach(() => {
    log = recordingLog();
    task = new SteppedTask();
  });

  it('run one batch after the other while there is more, and log how many rows they changed', async () => {
    const workers = startWorkers([task], log);
    workers.wake(task);
    await task.begun();
    task.end({ count: 200, hasMore: true });
    await task.begun();
    task.end({ count: 3, hasMore: false });
    await workers[Symbol.asyncDispose]();
    expect(log.lines.map(({ fields, level }) => ({ level, ...fields }))).to.deep.equal([
      { level: 'info', task: 'stepping', rows: 203 },
    ]);
  });

  it('run a task once more that was woken meanwhile, and never twice at the same time', async () => {
    const workers = startWorkers([task], log);
    workers.wake(task);
    await task.begun();
    workers.wake(task);
    workers.wake(task);
    expect(task.signals).to.have.length(1);
    task.end(done);
    await task.begun();
    task.end(done);
    await workers[Symbol.asyncDispose]();
    expect(task.signals).to.have.length(2);
  });

  it('log a failure and go on with the next run', async () => {
    const workers = startWorkers([task], log);
    workers.wake(task);
    await task.begun();
    workers.wake(task);
    task.end(new Error('not now'));
    await task.begun();
    task.end(done);
    await workers[Symbol.asyncDispose]();
    expect(log.lines.map(({ fields, level }) => [level, fields['task'], String(fields['err'])])).to.deep.equal([
      ['warn', 'stepping', 'Error: not now'],
    ]);
  });

  it('log no outage of the database, which logs it itself', async () => {
    const workers = startWorkers([task], log);
    workers.wake(task);
    await task.begun();
    workers.wake(task);
    task.end(new VaultError('unavailable', 'the database is not available'));
    await task.begun();
    task.end(done);
    await workers[Symbol.asyncDispose]();
    expect(log.lines).to.deep.equal([]);
  });

  it('wait for the batch that is running when they stop, and begin no other', async () => {
    const workers = startWorkers([task], log);
    workers.wake(task);
    await task.begun();
    let isStopped = false;
    const stopping = workers[Symbol.asyncDispose]().then(() => (isStopped = true));
    expect(task.signals.map(({ aborted }) => aborted)).to.deep.equal([true]);
    await new Promise(setImmediate);
    expect(isStopped).to.equal(false);
    task.end({ count: 1, hasMore: true });
    await stopping;
    workers.wake(task);
    await new Promise(setImmediate);
    expect(task.signals).to.have.length(1);
  });

  it('stop at once where nothing runs', async () => {
    await startWorkers([task], log)[Symbol.asyncDispose]();
    expect(task.signals).to.deep.equal([]);
  });
});
