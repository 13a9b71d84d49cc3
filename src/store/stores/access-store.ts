import type { AccessStore } from '../../vault/identity/ports.ts';
import type { ApiKey, Session, UserAccess } from '../../vault/identity/identity.ts';
import { apiKeyOf, userOf, userOfColumns, type ApiKeyRow } from '../identity/access-rows.ts';
import {
  findApiKeyAccess,
  findSessionAccess,
  membershipOfAccess,
  type UserAccessRow,
} from '../identity/access-statements.ts';
import type { Database } from '../postgres/database.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { apiKeyGrants, membershipGrants, sessionGrants, userGrants } from '../identity/grant-tables.ts';

type SessionRow = Session & { readonly mac: Uint8Array };

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
    const rows = await this.#database.query<ApiKeyRow & UserAccessRow>(findApiKeyAccess(hash), signal);
    const [row] = rows;
    if (!row || !this.#guard.holds(apiKeyGrants, row)) return undefined;
    const ownRows = rows.filter(({ id }) => id === row.id);
    const access = this.#accessOf(row.userId, ownRows);
    return access && { apiKey: apiKeyOf(row), access };
  }

  async findSession(
    hash: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly session: Session; readonly access: UserAccess } | undefined> {
    const rows = await this.#database.query<SessionRow & UserAccessRow>(findSessionAccess(hash), signal);
    const [row] = rows;
    if (!row || !this.#guard.holds(sessionGrants, row)) return undefined;
    const { id, userId, expiresAt, createdAt } = row;
    const access = this.#accessOf(userId, rows);
    return access && { session: { id, userId, hash: row.hash, expiresAt, createdAt }, access };
  }

  #accessOf(userId: string, rows: readonly UserAccessRow[]): UserAccess | undefined {
    const [row] = rows;
    const user = row && userOfColumns(userId, row);
    if (!user || !this.#guard.holds(userGrants, user)) return undefined;
    const memberships = rows
      .map(membershipOfAccess)
      .filter((membership) => membership !== undefined)
      .filter((membership) => this.#guard.holds(membershipGrants, membership))
      .map(({ workspaceId, role, mayReveal }) => ({ workspaceId, userId, role, mayReveal }));
    return { user: userOf(user), memberships };
  }
}
