import { vaultSealed } from '../errors.ts';

/** Whether the vault is sealed in this process: its keys are not in memory, and calls are refused. */
export class SealState {
  readonly #listeners = new Set<() => void>();
  #reason: string | undefined;

  /** @param reason why it is sealed at first, for the operator */
  constructor(reason: string) {
    this.#reason = reason;
  }

  get isSealed(): boolean {
    return this.#reason !== undefined;
  }

  /** Why it is sealed, for the operator; undefined while it is open. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** @throws VaultError `unavailable` with the reason `SEALED` while it is sealed */
  requireOpen(): void {
    if (this.#reason !== undefined) throw vaultSealed();
  }

  seal(reason: string): void {
    this.#change(reason);
  }

  open(): void {
    this.#change(undefined);
  }

  /** Calls back on every change. @returns what ends the subscription */
  subscribe(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  #change(reason: string | undefined): void {
    this.#reason = reason;
    for (const changed of this.#listeners) changed();
  }
}
