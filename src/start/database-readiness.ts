import type { Logger } from 'pino';
import type { Readiness } from '../gateway/system/readiness.ts';
import type { KeptSession } from '../store/connection/kept-session.ts';

const checkEveryMs = 1_000;
const answerWithinMs = 2_000;

/** Ready while the database answers; it is asked once a second, on a session that calls do not use. */
export class DatabaseReadiness implements Readiness {
  readonly #session: Pick<KeptSession, 'run'>;
  readonly #log: Logger;
  readonly #listeners = new Set<() => void>();
  #trouble: string | undefined = 'starting';
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(session: Pick<KeptSession, 'run'>, log: Logger) {
    this.#session = session;
    this.#log = log;
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  subscribe(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** Resolves after the first answer; from then on it keeps asking until `stop`. */
  async start(): Promise<void> {
    this.#tell(await this.#ask());
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.start(), checkEveryMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<string | undefined> {
    try {
      await this.#session.run({ text: 'select 1' }, answerWithinMs);
      return undefined;
    } catch (error) {
      if (this.#trouble === undefined) this.#log.warn({ err: error }, 'the database does not answer');
      return 'the database is away';
    }
  }

  #tell(trouble: string | undefined): void {
    if (trouble === this.#trouble) return;
    if (trouble === undefined && this.#trouble !== 'starting') this.#log.info({}, 'the database answers again');
    this.#trouble = trouble;
    for (const changed of this.#listeners) changed();
  }
}
