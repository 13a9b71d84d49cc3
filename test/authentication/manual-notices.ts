import type { GrantChange, GrantNotices } from '../../src/vault/identity/ports.ts';

/** Notices that a test tells by hand. */
export class ManualNotices implements GrantNotices {
  current = true;
  readonly #subscribers: ((change: GrantChange) => void)[] = [];

  isCurrent(): boolean {
    return this.current;
  }

  subscribe(told: (change: GrantChange) => void): () => void {
    this.#subscribers.push(told);
    return () => undefined;
  }

  tell(change: GrantChange): void {
    for (const told of this.#subscribers) told(change);
  }
}
