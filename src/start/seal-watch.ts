import type { Logger } from 'pino';
import type { AccessChanges } from '../vault/identity/ports.ts';
import type { SealStore } from '../vault/workspaces/ports.ts';

/** What seals by owners are watched with. */
export interface SealWatchParts {
  readonly store: Pick<SealStore, 'findSeal'>;
  readonly seal: (reason: string) => void;
  readonly log: Pick<Logger, 'warn'>;
}

const retryEveryMs = 1_000;

/**
 * Seals this process after an owner has sealed all servers through another one. The record in the database proves it by its MAC,
 * so that a notice that anybody else sends has no effect.
 */
export class SealWatch implements Disposable {
  readonly #parts: SealWatchParts;
  /** The last seal before the vault was opened. */
  #before: number | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(parts: SealWatchParts) {
    this.#parts = parts;
  }

  /** Later seals count. To be called with the keys in memory, before the vault is open for calls. */
  async begin(): Promise<void> {
    this.#before = await this.#parts.store.findSeal();
  }

  /** Looks after a notice of a seal, or when notices may have been missed. @returns what ends that */
  listen(changes: Pick<AccessChanges, 'subscribe'>): () => void {
    return changes.subscribe(({ kind }) => {
      if (kind === 'seal' || kind === 'any') void this.#look();
    });
  }

  [Symbol.dispose](): void {
    this.#before = undefined;
    clearTimeout(this.#retry);
  }

  async #look(): Promise<void> {
    clearTimeout(this.#retry);
    if (this.#before === undefined) return;
    try {
      const last = await this.#parts.store.findSeal();
      if (this.#before !== undefined && last > this.#before) this.#parts.seal('an owner has sealed all servers');
    } catch (err) {
      if (this.#before === undefined) return;
      this.#parts.log.warn({ err }, 'it could not be read whether an owner has sealed all servers, and is tried again');
      this.#retry = setTimeout(() => void this.#look(), retryEveryMs).unref();
    }
  }
}
