import type { Membership, ApiKey, Session, User } from '../../src/vault/identity/identity.ts';
import type { AccessStore } from '../../src/vault/identity/ports.ts';
import type { Clock } from '../../src/vault/time.ts';
import { hashToken } from '../../src/authentication/tokens.ts';

/** The moment at which the tests happen. */
export const now = new Date('2024-01-01T00:00:00.000Z');

/** A clock that stands at `now`. */
export const clock: Clock = { now: () => now };

/** A user without anything special, but for what the test says. */
export function someUser(change: Partial<User> = {}): User {
  return {
    id: '018cc251-f400-7000-8000-000000000001',
    name: 'dashboard',
    isOwner: false,
    defaultWorkspaceId: '018cc251-f400-7000-8000-00000000000a',
    passwordHash: null,
    deactivatedAt: null,
    createdAt: now,
    ...change,
  };
}

/** An editor's key for a token, but for what the test says. */
export function someApiKey(token: string, change: Partial<ApiKey> = {}): ApiKey {
  return {
    id: '018cc251-f400-7000-8000-000000000002',
    workspaceId: '018cc251-f400-7000-8000-00000000000b',
    userId: '018cc251-f400-7000-8000-000000000001',
    name: 'billing',
    hash: hashToken(token),
    prefix: token.slice(0, 8),
    role: 'EDITOR',
    mayReveal: true,
    dialect: null,
    providers: [],
    tags: [],
    credentialIds: [],
    subjects: [],
    expiresAt: null,
    revokedAt: null,
    createdAt: now,
    ...change,
  };
}

/** A session for a token that lasts a minute, but for what the test says. */
export function someSession(token: string, change: Partial<Session> = {}): Session {
  return {
    id: '018cc251-f400-7000-8000-000000000003',
    userId: '018cc251-f400-7000-8000-000000000001',
    hash: hashToken(token),
    expiresAt: new Date(now.getTime() + 60_000),
    createdAt: now,
    ...change,
  };
}

/** Keeps the rows of one user in memory, and counts how often it was asked. */
export class MemoryAccessStore implements AccessStore {
  lookups = 0;
  readonly #rows: {
    readonly user: User;
    readonly memberships: readonly Membership[];
    readonly apiKeys: readonly ApiKey[];
    readonly sessions: readonly Session[];
  };

  constructor(rows: {
    readonly user?: User;
    readonly memberships?: readonly Membership[];
    readonly apiKeys?: readonly ApiKey[];
    readonly sessions?: readonly Session[];
  }) {
    this.#rows = { user: someUser(), memberships: [], apiKeys: [], sessions: [], ...rows };
  }

  async findApiKey(hash: Uint8Array) {
    this.lookups += 1;
    const apiKey = this.#rows.apiKeys.find((row) => Buffer.compare(row.hash, hash) === 0);
    return apiKey && { apiKey, access: this.#rows };
  }

  async findSession(hash: Uint8Array) {
    this.lookups += 1;
    const session = this.#rows.sessions.find((row) => Buffer.compare(row.hash, hash) === 0);
    return session && { session, access: this.#rows };
  }
}
