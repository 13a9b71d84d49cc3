import type { AccessChange, AccessChanges } from '../vault/identity/ports.ts';
import type { UserAccess } from '../vault/identity/identity.ts';

/** What is remembered, and how it is known whether it still holds. */
export interface AuthenticationCacheParts<Found> {
  readonly accessChanges: AccessChanges;
  /** Changes of which, or of its user, end what was found. */
  readonly subject: (found: Found) => { readonly kind: 'api_key' | 'session'; readonly id: string };
  /** What is large beside the memberships, by an estimate. */
  readonly extraBytes: (found: Found) => number;
  /** Where what was found proves nobody for good, there is no use in keeping it. */
  readonly isWorthKeeping: (found: Found) => boolean;
  /** Told of every search how it was answered; must not throw. */
  readonly onLookup?: ((way: LookupOutcome) => void) | undefined;
}

/** From memory; from the store, since it was not in memory; or past a memory that can't be relied on. */
export type LookupOutcome = 'hit' | 'miss' | 'bypassed';

/** How much is remembered; who would take a quarter of that alone is not. */
export const authenticationCacheLimits = {
  entries: 10_000,
  /** By an estimate. */
  bytes: 33_554_432,
  /** A second net: notices end an entry long before. */
  ageMs: 10_000,
} as const;

interface Entry<Found> {
  readonly key: string;
  readonly found: Found;
  readonly subjects: readonly string[];
  readonly bytes: number;
  readonly untilMs: number;
}

/**
 * Remembers what was found by the hash of a token, for as long as notices of changes can be relied on. What was found at
 * all is remembered, and nothing else: a new token is known at once.
 */
export class AuthenticationCache<Found extends { readonly access: UserAccess }> {
  readonly #parts: AuthenticationCacheParts<Found>;
  readonly #entries = new Map<string, Entry<Found>>();
  /** By what they depend on. */
  readonly #bySubject = new Map<string, Set<Entry<Found>>>();
  #bytes = 0;
  /** How many changes were told: what was searched for while one came may be from before it. */
  #changes = 0;

  constructor(parts: AuthenticationCacheParts<Found>) {
    this.#parts = parts;
    parts.accessChanges.subscribe((change) => this.#drop(change));
  }

  /** How many entries there are, and what they take by the estimate. */
  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#entries.size, bytes: this.#bytes };
  }

  /** Answers what is known by a hash, or else what the search finds. */
  async find(hash: Uint8Array, search: () => Promise<Found | undefined>): Promise<Found | undefined> {
    const { accessChanges, onLookup } = this.#parts;
    if (!accessChanges.isCurrent()) {
      onLookup?.('bypassed');
      return search();
    }
    const key = Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('latin1');
    const known = this.#entries.get(key);
    if (known && performance.now() < known.untilMs) {
      onLookup?.('hit');
      return known.found;
    }
    onLookup?.('miss');
    const before = this.#changes;
    const found = await search();
    if (found && this.#changes === before && this.#parts.isWorthKeeping(found)) this.#keep(key, found);
    return found;
  }

  #keep(key: string, found: Found): void {
    this.#remove(this.#entries.get(key));
    const { kind, id } = this.#parts.subject(found);
    const bytes = estimateBytes(found.access) + this.#parts.extraBytes(found);
    if (bytes > authenticationCacheLimits.bytes / 4) return;
    const subjects = [`${kind}:${id}`, `user:${found.access.user.id}`];
    const entry = { key, found, subjects, bytes, untilMs: performance.now() + authenticationCacheLimits.ageMs };
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    for (const subject of subjects) {
      const dependent = this.#bySubject.get(subject);
      if (dependent) dependent.add(entry);
      else this.#bySubject.set(subject, new Set([entry]));
    }
    // A map keeps the order of insertion: the first is the oldest.
    for (const oldest of this.#entries.values()) {
      if (this.#entries.size <= authenticationCacheLimits.entries && this.#bytes <= authenticationCacheLimits.bytes)
        break;
      this.#remove(oldest);
    }
  }

  #drop(change: AccessChange): void {
    this.#changes += 1;
    // A workspace ends seldom, and concerns all who were anything there.
    if (change.kind === 'any' || change.kind === 'workspace') {
      this.#entries.clear();
      this.#bySubject.clear();
      this.#bytes = 0;
      return;
    }
    for (const entry of this.#bySubject.get(`${change.kind}:${change.id}`) ?? []) this.#remove(entry);
  }

  #remove(entry: Entry<Found> | undefined): void {
    if (!entry) return;
    this.#entries.delete(entry.key);
    this.#bytes -= entry.bytes;
    for (const subject of entry.subjects) {
      const dependent = this.#bySubject.get(subject);
      dependent?.delete(entry);
      if (dependent?.size === 0) this.#bySubject.delete(subject);
    }
  }
}

/** Rather too much, for what is found and its places in the indexes. */
function estimateBytes({ memberships }: UserAccess): number {
  return 4_096 + 512 * memberships.length;
}
