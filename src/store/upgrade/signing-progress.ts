import type { StoreLog } from '../postgres/connect/store-log.ts';

/** What is counted for. */
export interface SigningProgressParts {
  readonly table: string;
  readonly format: string;
  readonly log: StoreLog;
}

const logEveryMs = 5_000;
/** The most rows that the log names, of each table. */
const namedMax = 100;

/** Counts the rows that are signed, and writes to the log how far it is. */
export class SigningProgress {
  readonly #parts: SigningProgressParts;
  readonly #startedAtMs = performance.now();
  #loggedAtMs = performance.now();
  #signed = 0;
  #failed = 0;

  constructor(parts: SigningProgressParts) {
    this.#parts = parts;
  }

  /** Counts rows that were signed. */
  add(count: number): void {
    this.#signed += count;
    const nowMs = performance.now();
    if (nowMs - this.#loggedAtMs < logEveryMs) return;
    this.#loggedAtMs = nowMs;
    this.#log('rows are being signed');
  }

  /** Counts a row that is not as it was written, and so stays as it is. */
  fail(id: string): void {
    this.#failed += 1;
    const { log, table } = this.#parts;
    if (this.#failed <= namedMax) log.error({ table, id }, 'a row fails its present MAC: it is not signed again');
  }

  end(): void {
    if (this.#signed + this.#failed > 0) this.#log('the rows are signed');
  }

  #log(message: string): void {
    const { format, log, table } = this.#parts;
    const elapsedMs = Math.round(performance.now() - this.#startedAtMs);
    log.info({ table, format, signed: this.#signed, failed: this.#failed, elapsedMs }, message);
  }
}
