import assert from 'node:assert/strict';
import type { InstanceStore } from '../../vault/workspaces/ports.ts';
import type { InferEntity } from '@mikro-orm/postgresql';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import { VaultError } from '../../vault/errors.ts';
import type { FirstPassword, Revocation, UserStore } from '../../vault/identity/ports.ts';
import type { User } from '../../vault/identity/identity.ts';
import { isPassword } from '../../vault/identity/passwords.ts';
import {
  insertApiKey,
  insertMembership,
  insertSession,
  insertUser,
  updatePassword,
  userOf,
  type UserRow,
} from '../identity/access-rows.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import type { Database } from '../postgres/database.ts';
import { UserEntity } from '../entities/identity.ts';
import { revokeAll, sessionRevocation } from '../identity/revoke-all.ts';
import type { EntityCriteria } from '../postgres/statements/entity-query.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { userGrants } from '../identity/grant-tables.ts';
import { insertWorkspace, insertWorkspaceKey } from '../workspaces/workspace-rows.ts';
import { combine } from '../postgres/statements/statement.ts';
import { recordPriorState } from '../identity/prior-state.ts';
import {
  allUsers,
  anyOwner,
  anyPassword,
  deleteSession,
  endSessionsBeyond,
  lockFirstUser,
  lockUser,
} from '../identity/user-statements.ts';

const nothingDone = { answer: false, events: [] } as const;

/** Users, their passwords and their sessions in PostgreSQL. */
export class SqlUserStore implements UserStore, InstanceStore {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #guard: GrantGuard;

  constructor(database: Database, commits: CommitQueue, guard: GrantGuard) {
    this.#database = database;
    this.#commits = commits;
    this.#guard = guard;
  }

  /** Rows whose MAC is wrong count here: tampering must not open the first set-up again. */
  async anyPassword(): Promise<boolean> {
    return isAny(await this.#database.query(anyPassword));
  }

  async findUsersWithPassword(signal: AbortSignal): Promise<readonly User[]> {
    const users = await this.#findUsers(
      { passwordHash: { $ne: null }, logsInUnnamed: true, deactivatedAt: null },
      signal,
    );
    return users.filter(({ passwordHash }) => isPassword(passwordHash));
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
    const [owner] = await this.#findUsers({ isOwner: true, deactivatedAt: null });
    return owner;
  }

  /** @throws VaultError `already_set_up` where an owner exists */
  async createFirstOwner(creation: Parameters<InstanceStore['createFirstOwner']>[0]): Promise<void> {
    const { workspace, key, owner, membership, apiKey, event } = creation;
    const guard = this.#guard;
    const statement = combine(
      insertWorkspace(guard, workspace),
      insertUser(guard, owner),
      insertMembership(guard, membership, event.id),
      insertApiKey(guard, apiKey),
      insertWorkspaceKey(guard, key),
    );
    await this.#commits.run({ workspaces: [workspace.id] }, async (transaction) => {
      await transaction.run(lockFirstUser);
      if (isAny(await transaction.run(anyOwner))) throw new VaultError('already_set_up', 'an owner exists already');
      await transaction.run(statement);
      return { answer: undefined, events: [event] };
    });
  }

  async replaceAuthentication(replacement: Parameters<UserStore['replaceAuthentication']>[0]): Promise<void> {
    const { apiKey, revokedAt, passwordHash, event, eventOf } = replacement;
    assert(apiKey.role === null, 'a personal key has no role of its own');
    const { userId } = apiKey;
    await this.#commits.run({}, async (transaction) => {
      // A first password that is being set must not come after.
      await transaction.run(lockFirstUser);
      const [user] = await transaction.run<UserRow>(lockUser(userId));
      if (!user || !this.#guard.holds(userGrants, user)) throw new VaultError('not_found', 'the user is gone');
      const ended = await revokeAll(this.#guard, transaction, { userId, revokedAt });
      const endings = [...ended.map(eventOf), recordPriorState(eventOf(withdrawalOf(userId)), user)];
      await transaction.run(combine(updatePassword(this.#guard, { ...user, passwordHash })));
      await transaction.run(combine(insertApiKey(this.#guard, apiKey)));
      return { answer: undefined, events: [...endings, event] };
    });
  }

  async setFirstPassword({ user, from, event }: FirstPassword): Promise<boolean> {
    const guard = this.#guard;
    return this.#commits.run<boolean>({}, async (transaction) => {
      await transaction.run(lockFirstUser);
      const rows = await transaction.run<UserRow>(allUsers);
      const isOpen = 'membership' in from ? this.#isOpen(rows) : this.#isOpenTo(user.id, from.formerHash, rows);
      if (!isOpen) return nothingDone;
      if ('membership' in from) {
        await transaction.run(combine(insertUser(guard, user), insertMembership(guard, from.membership, event.id)));
        return { answer: true, events: [event] };
      }
      const former = rows.find(({ id }) => id === user.id);
      // A new MAC would make a row valid that was tampered with.
      if (!former || !guard.holds(userGrants, former)) return nothingDone;
      await transaction.run(combine(updatePassword(guard, { ...former, passwordHash: user.passwordHash })));
      return { answer: true, events: [recordPriorState(event, former)] };
    });
  }

  async createSession(beginning: Parameters<UserStore['createSession']>[0]): Promise<boolean> {
    const { session, passwordHash, keep, event, eventOf } = beginning;
    return this.#commits.run<boolean>({}, async (transaction) => {
      // Logins of one user take turns, or each would spare what the other one adds.
      const [user] = await transaction.run<UserRow>(lockUser(session.userId));
      if (user?.passwordHash !== passwordHash || isDeactivated(user)) return nothingDone;
      await transaction.run(combine(insertSession(this.#guard, session)));
      const ended = await transaction.run<{ readonly id: string }>(endSessionsBeyond(session, keep));
      return { answer: true, events: [...ended.map(({ id }) => eventOf(sessionRevocation(id))), event] };
    });
  }

  async deleteSession(id: string, event: AuditEvent): Promise<void> {
    await this.#commits.run({}, async (transaction) => {
      await transaction.run(combine(deleteSession(id)));
      return { answer: undefined, events: [event] };
    });
  }

  /** Nobody ever had a password, and nobody's was taken away. */
  #isOpen(rows: readonly UserRow[]): boolean {
    return rows.every((row) => row.passwordHash === null && this.#guard.holds(userGrants, row));
  }

  /** Nobody can log in without a name, and the user himself was not changed meanwhile. */
  #isOpenTo(id: string, formerHash: string | null, rows: readonly UserRow[]): boolean {
    if (rows.some((row) => mayLogInUnnamed(row) && this.#guard.holds(userGrants, row))) return false;
    return rows.find((row) => row.id === id)?.passwordHash === formerHash;
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

function withdrawalOf(resourceId: string): Revocation {
  return { action: 'users.withdraw_password', resourceKind: 'user', resourceId };
}

function mayLogInUnnamed(row: UserRow): boolean {
  return row.logsInUnnamed && isPassword(row.passwordHash) && !isDeactivated(row);
}

/** To the ORM null is undefined. */
function isDeactivated({ deactivatedAt }: UserRow): boolean {
  return deactivatedAt instanceof Date;
}

function isAny(rows: readonly unknown[]): boolean {
  return rows.length > 0;
}
