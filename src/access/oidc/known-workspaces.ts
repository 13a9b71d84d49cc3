import type { Reference } from '../../vault/ids.ts';
import type { Clock, WorkspaceStore } from '../../vault/ports.ts';

/** For how long an answer is kept, in milliseconds. */
export const knownForMs = 10_000;

const answersMax = 10_000;

/** What is asked, and what tells the time. */
export interface KnownWorkspacesParts {
  readonly workspaces: Pick<WorkspaceStore, 'findWorkspace'>;
  readonly clock: Clock;
}

interface Answer {
  readonly id: string | undefined;
  readonly atMs: number;
}

/** Tells which workspaces exist, and remembers the answers for a moment. */
export class KnownWorkspaces {
  readonly #parts: KnownWorkspacesParts;
  readonly #answers = new Map<string, Answer>();

  constructor(parts: KnownWorkspacesParts) {
    this.#parts = parts;
  }

  /** The id of a workspace; undefined where there is none. */
  async find(reference: Reference, signal: AbortSignal): Promise<string | undefined> {
    const key = 'id' in reference ? reference.id : reference.shortId;
    const nowMs = this.#parts.clock.now().getTime();
    const known = this.#answers.get(key);
    if (known && Math.abs(nowMs - known.atMs) < knownForMs) return known.id;
    const workspace = await this.#parts.workspaces.findWorkspace(reference, signal);
    this.#remember(key, { id: workspace?.id, atMs: nowMs });
    return workspace?.id;
  }

  #remember(key: string, answer: Answer): void {
    // A map keeps the order of insertion: the first is the oldest.
    this.#answers.delete(key);
    const [oldest] = this.#answers.size >= answersMax ? this.#answers.keys() : [];
    if (oldest !== undefined) this.#answers.delete(oldest);
    this.#answers.set(key, answer);
  }
}
