import type { Call } from '../caller.ts';
import type { Clock } from '../time.ts';
import { ConsumerRecorder, type ConsumerStore } from './consumer-recorder.ts';
import { UsageRecorder, type UsageStore } from './usage-recorder.ts';

/** Records the uses of credentials: how many there are, and whose. */
export class CredentialUsage {
  readonly #uses: UsageRecorder;
  readonly #consumers: ConsumerRecorder;
  /** The last write, which the next one waits for. */
  #written: Promise<void> = Promise.resolve();

  constructor(store: UsageStore & ConsumerStore, clock: Clock) {
    this.#uses = new UsageRecorder(store);
    this.#consumers = new ConsumerRecorder(store, clock);
  }

  /** Records one use by the caller. */
  record(call: Pick<Call, 'caller' | 'workspaceId'>, credentialId: string, usedAt: Date): void {
    this.#uses.record(call.workspaceId, credentialId, usedAt);
    this.#consumers.record(call, credentialId, usedAt);
  }

  /** Writes what is due. What cannot be written is kept for the next time, and the failure is thrown. */
  async flush(): Promise<void> {
    await this.#write(() => this.#consumers.flush());
  }

  /** Writes all uses until now, as a decision that depends on them needs it. */
  async flushAll(): Promise<void> {
    await this.#write(() => this.#consumers.flushAll());
  }

  #write(writeConsumers: () => Promise<void>): Promise<void> {
    const write = async () => {
      await this.#uses.flush();
      await writeConsumers();
    };
    this.#written = this.#written.then(write, write);
    return this.#written;
  }
}
