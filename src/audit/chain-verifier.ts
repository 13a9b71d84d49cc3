import { setImmediate } from 'node:timers/promises';
import type {
  TrailFault,
  VerificationObserver,
  TrailVerification,
  VerificationOptions,
} from '../vault/audit/verification.ts';
import type { AuditChain, AuditTrailStore, TrailVerifier } from '../vault/audit/ports.ts';
import type { AuditHead, StreamHead } from '../vault/audit/audit-chain.ts';
import type { WorkspaceCipherSource } from '../vault/workspaces/ports.ts';
import { verifyTrail } from './verify-trail.ts';
import { verifyVersions } from './verify-versions.ts';

/** The audit trail does not verify. Nothing may be deleted, because what is left may be needed as evidence. */
export class TrailDamagedError extends Error {
  constructor({ stream, message }: TrailFault) {
    super(`nothing is pruned, because the audit trail does not verify: ${stream}: ${message}`);
    this.name = 'TrailDamagedError';
  }
}

export interface ChainVerifierParts {
  readonly chain: AuditChain;
  readonly store: Pick<AuditTrailStore, 'readTrail' | 'versions'>;
  /** Open the versions of secrets. */
  readonly ciphers: WorkspaceCipherSource;
  /** The last event that this process is known to have written. */
  readonly ownHead: () => StreamHead | undefined;
}

/** Verifies the trail against its chain and against the head that this process has written, then rows against the trail. */
export class ChainVerifier implements TrailVerifier {
  readonly #parts: ChainVerifierParts;

  constructor(parts: ChainVerifierParts) {
    this.#parts = parts;
  }

  async verify(
    expected: ReadonlyMap<string, AuditHead>,
    { observer, signal, verified = new Map(), versionsMax = Infinity }: VerificationOptions = {},
  ): Promise<TrailVerification> {
    const { chain, ownHead, ciphers, store } = this.#parts;
    const progress = new VerificationProgress(observer, signal);
    // Taken before the trail is read, which must contain it.
    const own = ownHead();
    const found = await store.readTrail(
      (trail) => verifyTrail({ chain, trail, expected, verified, own, progress }),
      signal,
    );
    for await (const fault of verifyVersions({ reader: store.versions, ciphers, progress, versionsMax, signal })) {
      progress.add(fault);
    }
    progress.end();
    return { ...found, intact: progress.faultCount === 0, faults: progress.faults };
  }
}

/** The most faults that are reported. */
const faultsMax = 100;

/** How many rows are checked before other work of the process continues: some milliseconds. */
const rowsAtATime = 100;

/** The progress of a verification. All faults are counted; the first ones are kept and reported. */
export class VerificationProgress {
  readonly faults: TrailFault[] = [];
  faultCount = 0;
  readonly #observer: VerificationObserver | undefined;
  readonly #signal: AbortSignal | undefined;
  #done = 0;
  #total = 0;

  constructor(observer: VerificationObserver | undefined, signal: AbortSignal | undefined) {
    this.#observer = observer;
    this.#signal = signal;
  }

  /** @param total an estimate of the number of events and rows */
  begin(total: number): void {
    this.#total = total;
    this.#observer?.onProgress(0, total);
  }

  add(...faults: readonly TrailFault[]): void {
    this.faultCount += faults.length;
    const kept = faults.slice(0, faultsMax - this.faults.length);
    this.faults.push(...kept);
    for (const fault of kept) this.#observer?.onFault(fault);
  }

  /**
   * Counts an event or a row, and regularly lets other work of the process continue.
   *
   * @throws the signal's reason when it is aborted
   */
  count(): Promise<void> | undefined {
    this.#done += 1;
    return this.#done % rowsAtATime === 0 ? this.#pause() : undefined;
  }

  end(): void {
    this.#observer?.onProgress(this.#done, this.#done);
  }

  async #pause(): Promise<void> {
    this.#signal?.throwIfAborted();
    this.#observer?.onProgress(this.#done, Math.max(this.#done, this.#total));
    await setImmediate();
  }
}
