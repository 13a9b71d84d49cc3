import assert from 'node:assert/strict';
import type { InferEntity } from '@mikro-orm/postgresql';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import { VaultError } from '../../vault/errors.ts';
import type { User } from '../../vault/identity/identity.ts';
import { isPassword } from '../../vault/identity/passwords.ts';
import type { Deactivation, FirstPassword, PasswordChange, Revocation, UserStore } from '../../vault/identity/ports.ts';
import type { Reference } from '../../vault/ids.ts';
import { keepingOf } from '../../vault/requests/mutation-call.ts';
import type { Keeping } from '../../vault/requests/ports.ts';
import type { InstanceStore } from '../../vault/workspaces/ports.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import type { CommitResult } from '../commits/standalone-write.ts';
import { ApiKeyEntity, MembershipEntity, SessionEntity, UserEntity } from '../entities/identity.ts';
import { WorkspaceEntity, WorkspaceKeyEntity } from '../entities/workspace.ts';
import { recordPriorState, type GrantGuard } from '../identity/grant-guard.ts';
import { userGrants } from '../identity/grant-tables.ts';
import {
  lockUser,
  newApiKeyRow,
  newMembershipRow,
  newSessionRow,
  newUserRow,
  updateUser,
  userOf,
  type UserRow,
} from '../identity/identity-rows.ts';
import { endSessions, revokeAll, sessionRevocation } from '../identity/revocation.ts';
import type { Database } from '../postgres/database.ts';
import { takeLock } from '../postgres/statements/advisory-locks.ts';
import { isAfterId, type EntityCriteria } from '../postgres/statements/entity-query.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { newWorkspaceKeyRow, newWorkspaceRow, requireWorkspace } from '../workspaces/workspace-rows.ts';
import { readCheckedPage } from '../postgres/statements/pages.ts';

type UserCriteria = EntityCriteria<InferEntity<typeof UserEntity>>['where'];

const nothingDone = { answer: false, events: [] } as const;
/** The unique index of the names of users who log in by name. */
const loginName = '(name) where (password_hash is not null or is_owner) and deactivated_at is null';

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

  /** Rows whose MAC is wrong count here: tampering must not allow the first set-up again. */
  async anyPassword(): Promise<boolean> {
    return (await this.#database.find({}, UserEntity, { where: { passwordHash: { $ne: null } }, limit: 1 })).length > 0;
  }

  /** Rows whose MAC is wrong count here, as with `anyPassword`. */
  async anyOwner(): Promise<boolean> {
    return (await this.#database.find({}, UserEntity, { where: { isOwner: true }, limit: 1 })).length > 0;
  }

  async findUser(reference: Reference, signal?: AbortSignal): Promise<User | undefined> {
    return (await this.#find({ ...reference }, signal)).at(0);
  }

  async findUserByName(name: string, signal: AbortSignal): Promise<User | undefined> {
    return (await this.#find({ name, passwordHash: { $ne: null }, deactivatedAt: null }, signal)).at(0);
  }

  async findUsersWithPassword(signal: AbortSignal): Promise<readonly User[]> {
    const users = await this.#find({ passwordHash: { $ne: null }, logsInUnnamed: true, deactivatedAt: null }, signal);
    return users.filter(({ passwordHash }) => isPassword(passwordHash));
  }

  async findFirstOwner(): Promise<User | undefined> {
    return (await this.#find({ isOwner: true, deactivatedAt: null })).at(0);
  }

  async listUsers({ after, size, signal }: Parameters<UserStore['listUsers']>[0]): Promise<readonly User[]> {
    return readCheckedPage({
      size,
      after,
      read: (last, limit) => {
        const where = isAfterId(last);
        return this.#database.find({ signal }, UserEntity, { where, orderBy: { id: 'asc' }, limit });
      },
      keyOf: ({ id }) => id,
      show: (row) => (this.#guard.isGenuine(userGrants, row) ? userOf(row) : undefined),
    });
  }

  /** @throws VaultError `already_set_up` where an owner exists */
  async createFirstOwner(creation: Parameters<InstanceStore['createFirstOwner']>[0]): Promise<void> {
    const { workspace, key, owner, membership, apiKey, event } = creation;
    const guard = this.#guard;
    await this.#commits.run({ workspaces: [workspace.id] }, async (transaction) => {
      await transaction.run(takeLock('firstUser'));
      const owners = await transaction.find(UserEntity, { where: { isOwner: true }, limit: 1 });
      if (owners.length > 0) throw new VaultError('already_set_up', 'an owner exists already');
      await Promise.all([
        transaction.insert(WorkspaceEntity, newWorkspaceRow(guard, workspace)),
        transaction.insert(UserEntity, newUserRow(guard, owner, { logsInUnnamed: true })),
        transaction.insert(MembershipEntity, newMembershipRow(guard, membership, event.id)),
        transaction.insert(ApiKeyEntity, newApiKeyRow(guard, apiKey)),
        transaction.insert(WorkspaceKeyEntity, newWorkspaceKeyRow(guard, key)),
      ]);
      return { answer: undefined, events: [event] };
    });
  }

  async replaceAuthentication(replacement: Parameters<InstanceStore['replaceAuthentication']>[0]): Promise<void> {
    const { apiKey, revokedAt, passwordHash, event, eventOf } = replacement;
    assert(apiKey.role === null, 'a personal key has no role');
    const { userId } = apiKey;
    await this.#commits.run({}, async (transaction) => {
      // A first password that is being set must not come after.
      await transaction.run(takeLock('firstUser'));
      const user = await lockUser(transaction, userId);
      if (!user || !this.#guard.isGenuine(userGrants, user)) throw new VaultError('not_found', 'the user is gone');
      const ended = await revokeAll(this.#guard, transaction, { userId, revokedAt });
      await updateUser(this.#guard, transaction, user, { passwordHash });
      await transaction.insert(ApiKeyEntity, newApiKeyRow(this.#guard, apiKey));
      const endings = [...ended.map(eventOf), recordPriorState(eventOf(withdrawalOf(userId)), user)];
      return { answer: undefined, events: [...endings, event] };
    });
  }

  async setFirstPassword({ user, from, event }: FirstPassword): Promise<boolean> {
    const guard = this.#guard;
    return this.#commits.run<boolean>({}, async (transaction) => {
      await transaction.run(takeLock('firstUser'));
      const rows = await transaction.find(UserEntity, { where: {} });
      if ('membership' in from) {
        if (!this.#hadNoPassword(rows)) return nothingDone;
        await Promise.all([
          transaction.insert(UserEntity, newUserRow(guard, user, { logsInUnnamed: true })),
          transaction.insert(MembershipEntity, newMembershipRow(guard, from.membership, event.id)),
        ]);
        return { answer: true, events: [event] };
      }
      const former = rows.find(({ id }) => id === user.id);
      if (!former || !this.#isOpenTo(former, from.formerHash, rows)) return nothingDone;
      await updateUser(guard, transaction, former, { passwordHash: user.passwordHash });
      return { answer: true, events: [recordPriorState(event, former)] };
    });
  }

  async createUser(user: User, event: AuditEvent, keeping?: Keeping<User>): Promise<void> {
    const create = async (transaction: Transaction): Promise<CommitResult<boolean>> => {
      await requireWorkspace(transaction, user.defaultWorkspaceId);
      const row = newUserRow(this.#guard, user, { logsInUnnamed: false });
      const isAdded = await transaction.insertUnless(UserEntity, loginName, row);
      return isAdded ? { answer: true, events: [event] } : nothingDone;
    };
    const ofOutcome = keepingOf({ keeping }, (isAdded: boolean) => (isAdded ? user : undefined));
    if (!(await this.#commits.run({}, create, ofOutcome))) throw nameTaken();
  }

  async changePassword({ user, formerHash, keepSession, event, eventOf }: PasswordChange): Promise<boolean> {
    return this.#commits.run<boolean>({}, async (transaction) => {
      const row = await lockUser(transaction, user.id);
      if (!row || row.passwordHash !== formerHash || row.deactivatedAt) return nothingDone;
      if (!this.#guard.isGenuine(userGrants, row)) return nothingDone;
      const ended = await endSessions(transaction, { userId: user.id, except: keepSession });
      await updateUser(this.#guard, transaction, row, { passwordHash: user.passwordHash });
      return { answer: true, events: [...ended.map(eventOf), recordPriorState(event, row)] };
    });
  }

  async deactivateUser(
    { userId, deactivatedAt, event, eventOf }: Parameters<UserStore['deactivateUser']>[0],
    keeping?: Keeping<Deactivation>,
  ): Promise<Deactivation> {
    const deactivate = async (transaction: Transaction): Promise<CommitResult<Deactivation>> => {
      // Of two last owners one stays.
      await transaction.run(takeLock('firstUser'));
      const row = await lockUser(transaction, userId);
      if (!row || !this.#guard.isGenuine(userGrants, row)) return { answer: { kind: 'absent' }, events: [] };
      const user = userOf(row);
      if (user.deactivatedAt !== null) return { answer: { kind: 'done', user }, events: [] };
      if (user.isOwner && !(await this.#isOtherOwner(transaction, userId))) {
        return { answer: { kind: 'last_owner' }, events: [] };
      }
      await updateUser(this.#guard, transaction, row, { deactivatedAt });
      const ended = await revokeAll(this.#guard, transaction, { userId, revokedAt: deactivatedAt });
      return {
        answer: { kind: 'done', user: { ...user, deactivatedAt } },
        events: [...ended.map(eventOf), recordPriorState(event, row)],
      };
    };
    return this.#commits.run({}, deactivate, keeping);
  }

  async createSession(beginning: Parameters<UserStore['createSession']>[0]): Promise<boolean> {
    const { session, passwordHash, keep, event, eventOf } = beginning;
    const { id, userId } = session;
    return this.#commits.run<boolean>({}, async (transaction) => {
      // Logins of one user take turns, or each would spare the session that the other adds.
      const user = await lockUser(transaction, userId);
      if (!user || user.passwordHash !== passwordHash || user.deactivatedAt) return nothingDone;
      const [, excess] = await Promise.all([
        transaction.insert(SessionEntity, newSessionRow(this.#guard, session)),
        transaction.find(SessionEntity, {
          where: { userId, id: { $ne: id } },
          orderBy: { createdAt: 'desc', id: 'desc' },
          offset: keep - 1,
        }),
      ]);
      await Promise.all(excess.map((row) => transaction.delete(SessionEntity, { id: row.id })));
      return { answer: true, events: [...excess.map((row) => eventOf(sessionRevocation(row.id))), event] };
    });
  }

  async deleteSession(id: string, event: AuditEvent): Promise<void> {
    await this.#commits.run({}, async (transaction) => {
      await transaction.delete(SessionEntity, { id });
      return { answer: undefined, events: [event] };
    });
  }

  /** Whether no user has, or had, a password, and no row was changed to look so. */
  #hadNoPassword(rows: readonly UserRow[]): boolean {
    return rows.every((row) => row.passwordHash === null && this.#guard.isGenuine(userGrants, row));
  }

  /** Whether no user can log in without a name, and this one is genuine and was not changed meanwhile. */
  #isOpenTo(user: UserRow, formerHash: string | null, rows: readonly UserRow[]): boolean {
    if (rows.some((row) => mayLogInUnnamed(row) && this.#guard.isGenuine(userGrants, row))) return false;
    return user.passwordHash === formerHash && this.#guard.isGenuine(userGrants, user);
  }

  async #isOtherOwner(transaction: Transaction, userId: string): Promise<boolean> {
    const where = { id: { $ne: userId }, isOwner: true, deactivatedAt: null };
    return (await transaction.find(UserEntity, { where })).some((row) => this.#guard.isGenuine(userGrants, row));
  }

  /** In the order of ids. */
  async #find(where: UserCriteria, signal?: AbortSignal): Promise<readonly User[]> {
    const rows = await this.#database.find({ ...(signal && { signal }) }, UserEntity, {
      where,
      orderBy: { id: 'asc' },
    });
    return rows.filter((row) => this.#guard.isGenuine(userGrants, row)).map(userOf);
  }
}

function withdrawalOf(resourceId: string): Revocation {
  return { action: 'users.withdraw_password', resourceKind: 'user', resourceId };
}

function mayLogInUnnamed(row: UserRow): boolean {
  return row.logsInUnnamed && isPassword(row.passwordHash) && !row.deactivatedAt;
}

function nameTaken(): VaultError {
  return new VaultError('name_taken', 'another user has this name', { resource: 'user', field: 'user.name' });
}
