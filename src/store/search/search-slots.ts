import { canceled } from '../postgres/connect/database-failure.ts';

/** Limits the searches of each workspace that run at once in this process; further ones wait for their turn. */
export class SearchSlots {
  readonly #most: number;
  readonly #workspaces = new Map<string, { running: number; readonly waiting: Set<() => void> }>();

  /** @param most of one workspace */
  constructor(most: number) {
    this.#most = most;
  }

  /** @throws VaultError `canceled` if the signal is aborted while the search waits */
  async run<Result>(
    { workspaceId, signal }: { readonly workspaceId: string; readonly signal: AbortSignal },
    search: () => Promise<Result>,
  ): Promise<Result> {
    await this.#enter(workspaceId, signal);
    try {
      return await search();
    } finally {
      this.#leave(workspaceId);
    }
  }

  async #enter(workspaceId: string, signal: AbortSignal): Promise<void> {
    const slots = this.#workspaces.get(workspaceId) ?? { running: 0, waiting: new Set() };
    this.#workspaces.set(workspaceId, slots);
    if (slots.running < this.#most) {
      slots.running += 1;
      return;
    }
    if (signal.aborted) throw canceled(signal);
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        slots.waiting.delete(enter);
        reject(canceled(signal));
      };
      const enter = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      slots.waiting.add(enter);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** The slot passes to the search that has waited the longest. */
  #leave(workspaceId: string): void {
    const slots = this.#workspaces.get(workspaceId);
    if (!slots) return;
    const [next] = slots.waiting;
    if (next) {
      slots.waiting.delete(next);
      next();
      return;
    }
    slots.running -= 1;
    if (slots.running === 0) this.#workspaces.delete(workspaceId);
  }
}
