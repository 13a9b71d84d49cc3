import type { Logger } from 'pino';
import type { Readiness } from '../gateway/system/readiness.ts';
import { type DatabaseHealth, type OutageReason, outageReasons } from '../store/postgres/database-health.ts';
import type { DatabaseProbe } from '../store/postgres/database-probe.ts';

/** What readiness is determined with. */
export interface DatabaseReadinessParts {
  readonly probe: Pick<DatabaseProbe, 'check'>;
  readonly health: DatabaseHealth;
  readonly log: Logger;
}

const checkEveryMs = 1_000;
/** How long a successful write shows that the database can be written to. */
const writeCountsForMs = 5_000;
/** For these, the result of a probe counts rather than a failed call. */
const transient: ReadonlySet<OutageReason> = new Set(['no_answer', 'unreachable', 'starting_or_stopping']);

/**
 * Ready while the database can be read and written, because every reveal writes to the audit trail. The database is probed
 * every second; the probe writes only where calls have not written recently, or failed to.
 */
export class DatabaseReadiness implements Readiness {
  readonly #parts: DatabaseReadinessParts;
  readonly #listeners = new Set<() => void>();
  #notReadyReason: string | undefined = 'starting';
  #wroteAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(parts: DatabaseReadinessParts) {
    this.#parts = parts;
  }

  notReadyReason(): string | undefined {
    return this.#notReadyReason;
  }

  subscribe(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** Resolves after the first probe; further probes follow until `stop`. */
  async start(): Promise<void> {
    this.#change(await this.#probe());
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.start(), checkEveryMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #probe(): Promise<OutageReason | undefined> {
    const { health, probe } = this.#parts;
    const { isAnyDone, outage } = health.takeWrites();
    const nowMs = performance.now();
    if (isAnyDone) this.#wroteAtMs = nowMs;
    const failing = isAnyDone || (outage && transient.has(outage)) ? undefined : outage;
    const isBroken = failing !== undefined || this.#notReadyReason !== undefined;
    const isUnconfirmed = nowMs > this.#wroteAtMs + writeCountsForMs;
    const found = await probe.check(isBroken ? 'page' : isUnconfirmed ? 'row' : undefined);
    if (found) health.failed(found);
    else if (isBroken || isUnconfirmed) this.#wroteAtMs = nowMs;
    return found ?? failing;
  }

  #change(reason: OutageReason | undefined): void {
    const text = reason && `the database does not serve: ${outageReasons[reason]}`;
    if (text === this.#notReadyReason) return;
    const { log } = this.#parts;
    if (reason) log.warn({ reason: outageReasons[reason] }, 'not ready: the database does not serve');
    else if (this.#notReadyReason !== 'starting') log.info({}, 'ready: the database serves again');
    this.#notReadyReason = text;
    for (const changed of this.#listeners) changed();
  }
}
