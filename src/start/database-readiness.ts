import type { Logger } from 'pino';
import type { Readiness } from '../gateway/system/readiness.ts';
import { type DatabaseHealth, type OutageReason, outageReasons } from '../store/postgres/database-health.ts';
import type { DatabaseProbe } from '../store/postgres/database-probe.ts';

/** What readiness is found out with. */
export interface DatabaseReadinessParts {
  readonly probe: Pick<DatabaseProbe, 'check'>;
  /** Of the database that calls use. */
  readonly health: DatabaseHealth;
  readonly log: Logger;
}

const checkEveryMs = 1_000;
/** How long a write proves that others can be written. */
const writeProvesForMs = 5_000;
/** A probe says more about these than a call that failed. */
const passing: ReadonlySet<OutageReason> = new Set(['no_answer', 'unreachable', 'starting_or_stopping']);

/**
 * Ready while the database can be read and written, since no secret is revealed without an event in the audit trail. It is
 * probed once a second; the probe writes only where calls have not written lately, or could not.
 */
export class DatabaseReadiness implements Readiness {
  readonly #parts: DatabaseReadinessParts;
  readonly #listeners = new Set<() => void>();
  #trouble: string | undefined = 'starting';
  #wroteAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(parts: DatabaseReadinessParts) {
    this.#parts = parts;
  }

  notReadyReason(): string | undefined {
    return this.#trouble;
  }

  subscribe(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** Resolves after the first answer; from then on it keeps asking until `stop`. */
  async start(): Promise<void> {
    this.#change(await this.#ask());
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.start(), checkEveryMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<OutageReason | undefined> {
    const { health, probe } = this.#parts;
    const { isAnyDone, outage } = health.takeWrites();
    const nowMs = performance.now();
    if (isAnyDone) this.#wroteAtMs = nowMs;
    const failing = isAnyDone || (outage && passing.has(outage)) ? undefined : outage;
    const isBroken = failing !== undefined || this.#trouble !== undefined;
    const isUnproven = nowMs > this.#wroteAtMs + writeProvesForMs;
    const found = await probe.check(isBroken ? 'page' : isUnproven ? 'row' : undefined);
    if (found) health.failed(found);
    else if (isBroken || isUnproven) this.#wroteAtMs = nowMs;
    return found ?? failing;
  }

  #change(trouble: OutageReason | undefined): void {
    const text = trouble && `the database does not serve: ${outageReasons[trouble]}`;
    if (text === this.#trouble) return;
    const { log } = this.#parts;
    if (trouble) log.warn({ reason: outageReasons[trouble] }, 'not ready: the database does not serve');
    else if (this.#trouble !== 'starting') log.info({}, 'ready: the database serves again');
    this.#trouble = text;
    for (const changed of this.#listeners) changed();
  }
}
