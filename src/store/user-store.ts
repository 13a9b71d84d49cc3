import assert from 'node:assert/strict';
import type { InferEntity } from '@mikro-orm/postgresql';
import type { AuditEvent } from '../vault/audit-event.ts';
import { VaultError } from '../vault/errors.ts';
import type { Session, User, UserStore } from '../vault/ports.ts';
import {
  apiKeyOf,
  insertApiKey,
  insertMembership,
  insertSession,
  insertUser,
  insertWorkspace,
  updatePassword,
  updateRevocation,
  userOf,
  type ApiKeyRow,
  type UserRow,
} from './access-rows.ts';
import { insertAuditEvent } from './audit-event-row.ts';
import type { Database } from './database.ts';
import { UserEntity } from './entities/user.ts';
import type { EntityCriteria } from './entity-query.ts';
import type { GrantGuard } from './grant-guard.ts';
import { apiKeyGrants, userGrants } from './grant-tables.ts';
import { insertWorkspaceKey } from './key-store.ts';
import { together } from './statement.ts';
import {
  allUsers,
  anyOwner,
  anyPassword,
  deleteSession,
  endSessionsBeyond,
  lockFirstUser,
  lockPersonalKeys,
  lockUser,
} from './user-statements.ts';

/** Users, their passwords and their sessions in PostgreSQL. */
export class SqlUserStore implements UserStore {
  readonly #database: Database;
  readonly #guard: GrantGuard;

  constructor(database: Database, guard: GrantGuard) {
    this.#database = database;
    this.#guard = guard;
  }

  /** Rows whose MAC is wrong count here: tampering must not open the first set-up again. */
  async anyPassword(): Promise<boolean> {
    return isAny(await this.#database.query(anyPassword));
  }

  async findUsersWithPassword(signal: AbortSignal): Promise<readonly User[]> {
    return this.#findUsers({ passwordHash: { $ne: null } }, signal);
  }

  async findUser(id: string): Promise<User | undefined> {
    const [user] = await this.#findUsers({ id });
    return user;
  }

  /** Rows whose MAC is wrong count here, as with `anyPassword`. */
  async anyOwner(): Promise<boolean> {
    return isAny(await this.#database.query(anyOwner));
  }

  async findFirstOwner(): Promise<User | undefined> {
    const [owner] = await this.#findUsers({ isOwner: true });
    return owner;
  }

  /** @throws VaultError `already_set_up` where an owner exists */
  async createFirstOwner(creation: Parameters<UserStore['createFirstOwner']>[0]): Promise<void> {
    const { workspace, key, owner, membership, apiKey, event } = creation;
    const guard = this.#guard;
    const statement = together(
      insertWorkspace(workspace),
      insertUser(guard, owner),
      insertMembership(guard, membership),
      insertApiKey(guard, apiKey),
      insertWorkspaceKey(guard, key),
      insertAuditEvent(event),
    );
    await this.#database.transact({ workspaces: [workspace.id] }, async (transaction) => {
      await transaction.run(lockFirstUser);
      if (isAny(await transaction.run(anyOwner))) throw new VaultError('already_set_up', 'an owner exists already');
      await transaction.run(statement);
    });
  }

  async replacePersonalKeys({
    apiKey,
    revokedAt,
    event,
  }: Parameters<UserStore['replacePersonalKeys']>[0]): Promise<void> {
    assert(apiKey.role === null, 'a personal key has no role of its own');
    await this.#database.transact({}, async (transaction) => {
      await transaction.run(lockUser(apiKey.userId));
      const rows = await transaction.run<ApiKeyRow>(lockPersonalKeys(apiKey.userId));
      // Those that fail their MAC are void as they are.
      for (const row of rows.filter((candidate) => this.#guard.holds(apiKeyGrants, candidate))) {
        await transaction.run(together(updateRevocation(this.#guard, { ...apiKeyOf(row), revokedAt })));
      }
      await transaction.run(together(insertApiKey(this.#guard, apiKey), insertAuditEvent(event)));
    });
  }

  async setFirstPassword({ user, membership, event }: Parameters<UserStore['setFirstPassword']>[0]): Promise<boolean> {
    const guard = this.#guard;
    const change = membership
      ? together(insertUser(guard, user), insertMembership(guard, membership), insertAuditEvent(event))
      : together(updatePassword(guard, user), insertAuditEvent(event));
    return this.#database.transact({}, async (transaction) => {
      await transaction.run(lockFirstUser);
      const rows = await transaction.run<UserRow>(allUsers);
      if (rows.some(({ passwordHash }) => passwordHash !== null)) return false;
      if (membership && !rows.every((row) => guard.holds(userGrants, row))) return false;
      await transaction.run(change);
      return true;
    });
  }

  async createSession(session: Session, keep: number, event: AuditEvent): Promise<void> {
    await this.#database.transact({}, async (transaction) => {
      // Logins of one user take turns, or each would spare what the other one adds.
      await transaction.run(lockUser(session.userId));
      await transaction.run(together(insertSession(this.#guard, session), insertAuditEvent(event)));
      await transaction.run(endSessionsBeyond(session, keep));
    });
  }

  async deleteSession(id: string, event: AuditEvent): Promise<void> {
    await this.#database.query(together(deleteSession(id), insertAuditEvent(event)));
  }

  async #findUsers(
    where: EntityCriteria<InferEntity<typeof UserEntity>>['where'],
    signal?: AbortSignal,
  ): Promise<readonly User[]> {
    const criteria = { where, orderBy: { id: 'asc' } } as const;
    const rows = await this.#database.find({ ...(signal && { signal }) }, UserEntity, criteria);
    return rows.filter((row) => this.#guard.holds(userGrants, row)).map(userOf);
  }
}

function isAny(rows: readonly unknown[]): boolean {
  return rows.length > 0;
}
