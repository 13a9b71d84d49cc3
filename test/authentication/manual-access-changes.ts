import type { AccessChange, AccessChanges } from '../../src/vault/identity/ports.ts';

/** Notices that a test tells by hand. */
export class ManualAccessChanges implements AccessChanges {
  current = true;
  readonly #subscribers: ((change: AccessChange) => void)[] = [];

  isCurrent(): boolean {
    return this.current;
  }

  subscribe(told: (change: AccessChange) => void): () => void {
    this.#subscribers.push(told);
    return () => undefined;
  }

  notify(change: AccessChange): void {
    for (const told of this.#subscribers) told(change);
  }
}
