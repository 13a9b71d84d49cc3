import type { InferEntity } from '@mikro-orm/postgresql';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import { VaultError } from '../../vault/errors.ts';
import type { Reference } from '../../vault/ids.ts';
import type { User } from '../../vault/identity/identity.ts';
import type { AccountStore, Deactivation, PasswordChange } from '../../vault/identity/ports.ts';
import { insertNamedUser, updateDeactivation, updatePassword, userOf, type UserRow } from '../identity/access-rows.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import type { Database } from '../postgres/database.ts';
import { revokeAll, sessionRevocation } from '../identity/revoke-all.ts';
import { UserEntity } from '../entities/identity.ts';
import type { EntityCriteria } from '../postgres/statements/entity-query.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { userGrants } from '../identity/grant-tables.ts';
import { requireWorkspace } from '../workspaces/require-workspace.ts';
import { combine } from '../postgres/statements/statement.ts';
import { recordPriorState } from '../identity/prior-state.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { allUsers, endOtherSessions, lockFirstUser, lockUser } from '../identity/user-statements.ts';
import { readCheckedPage } from '../postgres/statements/pages.ts';

/** The users whom owners make, in PostgreSQL. */
export class SqlAccountStore implements AccountStore {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #guard: GrantGuard;

  constructor(database: Database, commits: CommitQueue, guard: GrantGuard) {
    this.#database = database;
    this.#commits = commits;
    this.#guard = guard;
  }

  async createUser(user: User, event: AuditEvent): Promise<void> {
    const isDone = await this.#commits.run({}, async (transaction) => {
      await requireWorkspace(transaction, user.defaultWorkspaceId);
      const added = await transaction.run(combine(insertNamedUser(this.#guard, user)));
      return added.length > 0 ? { answer: true, events: [event] } : { answer: false, events: [] };
    });
    if (!isDone) throw nameTaken();
  }

  async findUser(reference: Reference, signal: AbortSignal): Promise<User | undefined> {
    return this.#find({ ...reference }, signal);
  }

  async findUserByName(name: string, signal: AbortSignal): Promise<User | undefined> {
    return this.#find({ name, passwordHash: { $ne: null }, deactivatedAt: null }, signal);
  }

  async listUsers({ after, size, signal }: Parameters<AccountStore['listUsers']>[0]): Promise<readonly User[]> {
    return readCheckedPage({
      size,
      after,
      read: (last, limit) => {
        const where = last === undefined ? {} : { id: { $gt: last } };
        return this.#database.find({ signal }, UserEntity, { where, orderBy: { id: 'asc' }, limit });
      },
      keyOf: ({ id }) => id,
      show: (row) => (this.#guard.holds(userGrants, row) ? userOf(row) : undefined),
    });
  }

  async changePassword({ user, formerHash, keepSession, event, eventOf }: PasswordChange): Promise<boolean> {
    return this.#commits.run<boolean>({}, async (transaction) => {
      const [row] = await transaction.run<UserRow>(lockUser(user.id));
      const isSame = row?.passwordHash === formerHash && !row.deactivatedAt;
      if (!isSame || !this.#guard.holds(userGrants, row)) return { answer: false, events: [] };
      const ended = await transaction.run<{ readonly id: string }>(endOtherSessions(user.id, keepSession));
      const { passwordHash } = user;
      await transaction.run(combine(updatePassword(this.#guard, { ...row, passwordHash })));
      return {
        answer: true,
        events: [...ended.map(({ id }) => eventOf(sessionRevocation(id))), recordPriorState(event, row)],
      };
    });
  }

  async deactivateUser({
    userId,
    deactivatedAt,
    event,
    eventOf,
  }: Parameters<AccountStore['deactivateUser']>[0]): Promise<Deactivation> {
    return this.#commits.run<Deactivation>({}, async (transaction) => {
      // Of two last owners one stays.
      await transaction.run(lockFirstUser);
      const [row] = await transaction.run<UserRow>(lockUser(userId));
      if (!row || !this.#guard.holds(userGrants, row)) return { answer: { kind: 'absent' }, events: [] };
      const user = userOf(row);
      if (user.deactivatedAt !== null) return { answer: { kind: 'done', user }, events: [] };
      if (user.isOwner && !(await this.#isOtherOwner(transaction, userId))) {
        return { answer: { kind: 'last_owner' }, events: [] };
      }
      await transaction.run(combine(updateDeactivation(this.#guard, { ...row, deactivatedAt })));
      const ended = await revokeAll(this.#guard, transaction, { userId, revokedAt: deactivatedAt });
      return {
        answer: { kind: 'done', user: { ...user, deactivatedAt } },
        events: [...ended.map(eventOf), recordPriorState(event, row)],
      };
    });
  }

  async #isOtherOwner(transaction: Transaction, userId: string): Promise<boolean> {
    const rows = await transaction.run<UserRow>(allUsers);
    const others = rows.filter(({ id, isOwner, deactivatedAt }) => id !== userId && isOwner && !deactivatedAt);
    return others.some((row) => this.#guard.holds(userGrants, row));
  }

  async #find(
    where: EntityCriteria<InferEntity<typeof UserEntity>>['where'],
    signal: AbortSignal,
  ): Promise<User | undefined> {
    const [row] = await this.#database.find({ signal }, UserEntity, { where });
    return row && this.#guard.holds(userGrants, row) ? userOf(row) : undefined;
  }
}

function nameTaken(): VaultError {
  return new VaultError('name_taken', 'another user has this name', { resource: 'user', field: 'user.name' });
}
