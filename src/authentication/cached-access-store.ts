import type { AccessStore, AccessChanges } from '../vault/identity/ports.ts';
import type { ApiKey, Session, UserAccess } from '../vault/identity/identity.ts';
import { AuthenticationCache, type LookupOutcome } from './authentication-cache.ts';

export interface CachedAccessStoreParts {
  readonly store: AccessStore;
  readonly accessChanges: AccessChanges;
  /** Called with the outcome of each lookup; must not throw. */
  readonly onLookup?: (way: LookupOutcome) => void;
}

interface FoundApiKey {
  readonly apiKey: ApiKey;
  readonly access: UserAccess;
}

interface FoundSession {
  readonly session: Session;
  readonly access: UserAccess;
}

/**
 * Finds API keys and sessions in memory, and otherwise in the store. Results are at most 0.9 s stale. Expiry is checked by the
 * authentication methods at each call.
 */
export class CachedAccessStore implements AccessStore {
  readonly #store: AccessStore;
  readonly #apiKeys: AuthenticationCache<FoundApiKey>;
  readonly #sessions: AuthenticationCache<FoundSession>;

  constructor({ store, accessChanges, onLookup }: CachedAccessStoreParts) {
    this.#store = store;
    this.#apiKeys = new AuthenticationCache({
      accessChanges,
      onLookup,
      subject: ({ apiKey }) => ({ kind: 'api_key', id: apiKey.id }),
      extraBytes: ({ apiKey: { providers, tags, credentialIds, subjects } }) =>
        bytesOf([...providers, ...tags, ...credentialIds, ...subjects]),
      isWorthKeeping: ({ apiKey, access }) => apiKey.revokedAt === null && access.user.deactivatedAt === null,
    });
    this.#sessions = new AuthenticationCache({
      accessChanges,
      onLookup,
      subject: ({ session }) => ({ kind: 'session', id: session.id }),
      extraBytes: () => 0,
      isWorthKeeping: ({ access }) => access.user.deactivatedAt === null,
    });
  }

  findApiKey(hash: Uint8Array, signal: AbortSignal): Promise<FoundApiKey | undefined> {
    return this.#apiKeys.find(hash, () => this.#store.findApiKey(hash, signal));
  }

  findSession(hash: Uint8Array, signal: AbortSignal): Promise<FoundSession | undefined> {
    return this.#sessions.find(hash, () => this.#store.findSession(hash, signal));
  }
}

/** Each with its entry in the array, and two bytes per character. */
function bytesOf(texts: readonly string[]): number {
  return texts.reduce((sum, { length }) => sum + 64 + 2 * length, 0);
}
