import type { AccessChange, AccessChanges } from '../vault/identity/ports.ts';
import type { UserAccess } from '../vault/identity/identity.ts';

export interface AuthenticationCacheParts<Found> {
  readonly accessChanges: AccessChanges;
  /** Entries are dropped when this subject or its user changes. */
  readonly subject: (found: Found) => { readonly kind: 'api_key' | 'session'; readonly id: string };
  /** An estimate of what is large besides the memberships. */
  readonly extraBytes: (found: Found) => number;
  /** False for a permanently invalid key or session. */
  readonly isWorthKeeping: (found: Found) => boolean;
  /** Called with the outcome of each lookup; must not throw. */
  readonly onLookup?: ((way: LookupOutcome) => void) | undefined;
}

/** Found in memory; found in the store; or the cache was bypassed, because it cannot be relied on. */
export type LookupOutcome = 'hit' | 'miss' | 'bypassed';

/** The limits of the cache. An entry that would take a quarter of the bytes is not kept. */
export const authenticationCacheLimits = {
  entries: 10_000,
  /** An estimate. */
  bytes: 33_554_432,
  /** A second safeguard: changes drop an entry long before. */
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
 * Caches keys and sessions by the hash of their token while changes are reported reliably. Only found ones are cached, so that a
 * new token is valid at once.
 */
export class AuthenticationCache<Found extends { readonly access: UserAccess }> {
  readonly #parts: AuthenticationCacheParts<Found>;
  readonly #entries = new Map<string, Entry<Found>>();
  /** Entries by the subjects that they depend on. */
  readonly #bySubject = new Map<string, Set<Entry<Found>>>();
  #bytes = 0;
  /** The number of reported changes. A lookup during which one is reported may have read the state before it. */
  #changes = 0;

  constructor(parts: AuthenticationCacheParts<Found>) {
    this.#parts = parts;
    parts.accessChanges.subscribe((change) => this.#drop(change));
  }

  /** The number of entries, and the estimate of their bytes. */
  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#entries.size, bytes: this.#bytes };
  }

  /** Returns the cached entry of a hash, or else the result of the search. */
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
    // A map keeps the order of insertion: the first entry is the oldest.
    for (const oldest of this.#entries.values()) {
      if (this.#entries.size <= authenticationCacheLimits.entries && this.#bytes <= authenticationCacheLimits.bytes)
        break;
      this.#remove(oldest);
    }
  }

  #drop(change: AccessChange): void {
    this.#changes += 1;
    // A deletion of a workspace is rare, and concerns all of its members and keys.
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
