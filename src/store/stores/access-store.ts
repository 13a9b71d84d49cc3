import type { ApiKey, Session, UserAccess } from '../../vault/identity/identity.ts';
import type { AccessStore } from '../../vault/identity/ports.ts';
import {
  findApiKeyAccess,
  findSessionAccess,
  type AccessRow,
  type ApiKeyAccessRow,
  type SessionAccessRow,
} from '../identity/access-statements.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { apiKeyGrants, membershipGrants, sessionGrants, userGrants } from '../identity/grant-tables.ts';
import { apiKeyOf, membershipOf, userOf } from '../identity/identity-rows.ts';
import type { Database } from '../postgres/database.ts';

/** Finds callers by the hash of their token: one prepared statement, in one round trip. */
export class SqlAccessStore implements AccessStore {
  readonly #database: Database;
  readonly #guard: GrantGuard;

  constructor(database: Database, guard: GrantGuard) {
    this.#database = database;
    this.#guard = guard;
  }

  async findApiKey(
    hash: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly apiKey: ApiKey; readonly access: UserAccess } | undefined> {
    const rows = await this.#database.query<ApiKeyAccessRow>(findApiKeyAccess(hash), signal);
    const found = rows[0]?.apiKey;
    if (!found || !this.#guard.isGenuine(apiKeyGrants, found)) return undefined;
    const access = this.#accessOf(rows.filter(({ apiKey }) => apiKey.id === found.id));
    return access && { apiKey: apiKeyOf(found), access };
  }

  async findSession(
    hash: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly session: Session; readonly access: UserAccess } | undefined> {
    const rows = await this.#database.query<SessionAccessRow>(findSessionAccess(hash), signal);
    const found = rows[0]?.session;
    if (!found || !this.#guard.isGenuine(sessionGrants, found)) return undefined;
    const { id, userId, expiresAt, createdAt } = found;
    const access = this.#accessOf(rows);
    return access && { session: { id, userId, hash: found.hash, expiresAt, createdAt }, access };
  }

  #accessOf(rows: readonly AccessRow[]): UserAccess | undefined {
    const user = rows[0]?.user;
    if (!user || !this.#guard.isGenuine(userGrants, user)) return undefined;
    const memberships = rows
      .flatMap(({ membership }) => (membership.userId === null ? [] : [membership]))
      .filter((membership) => this.#guard.isGenuine(membershipGrants, membership))
      .map(membershipOf);
    return { user: userOf(user), memberships };
  }
}
