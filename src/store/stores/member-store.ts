import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type { Member, Membership, User } from '../../vault/identity/identity.ts';
import type { MemberChange, MemberStore } from '../../vault/identity/ports.ts';
import { nilUuid, type Reference } from '../../vault/ids.ts';
import type { Keeping } from '../../vault/requests/ports.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import type { CommitResult } from '../commits/standalone-write.ts';
import { MembershipEntity, UserEntity } from '../entities/identity.ts';
import { recordPriorState, type GrantGuard } from '../identity/grant-guard.ts';
import { membershipGrants, userGrants } from '../identity/grant-tables.ts';
import { membershipOf, newMembershipRow, userOf, type MembershipRow, type UserRow } from '../identity/identity-rows.ts';
import type { Database } from '../postgres/database.ts';
import { takeLock } from '../postgres/statements/advisory-locks.ts';
import { hasIdAmong } from '../postgres/statements/entity-query.ts';
import { readCheckedPage } from '../postgres/statements/pages.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { requireWorkspace } from '../workspaces/workspace-rows.ts';

/** A membership with its user. */
interface MemberRow {
  readonly membership: MembershipRow;
  readonly user: UserRow | undefined;
}

/** Memberships in PostgreSQL. */
export class SqlMemberStore implements MemberStore {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #guard: GrantGuard;

  constructor(database: Database, commits: CommitQueue, guard: GrantGuard) {
    this.#database = database;
    this.#commits = commits;
    this.#guard = guard;
  }

  async findUser(reference: Reference, signal: AbortSignal): Promise<User | undefined> {
    const [row] = await this.#database.find({ signal }, UserEntity, { where: { ...reference } });
    return row && this.#guard.isGenuine(userGrants, row) ? userOf(row) : undefined;
  }

  async findMember({
    workspaceId,
    reference,
    signal,
  }: Parameters<MemberStore['findMember']>[0]): Promise<Member | undefined> {
    const [user] = await this.#database.find({ signal }, UserEntity, { where: { ...reference } });
    // Asked in any case: a caller must not learn from the time whether the user exists elsewhere.
    const where = { workspaceId, userId: user?.id ?? nilUuid };
    const [row] = await this.#database.find({ signal }, MembershipEntity, { where });
    return row && this.#memberOf({ membership: row, user });
  }

  async listMembers({
    workspaceId,
    after,
    size,
    signal,
  }: Parameters<MemberStore['listMembers']>[0]): Promise<readonly Member[]> {
    return readCheckedPage({
      size,
      after,
      read: (last, limit) => this.#readMembers({ workspaceId, after: last, limit, signal }),
      keyOf: ({ membership }) => membership.userId,
      show: (row) => this.#memberOf(row),
    });
  }

  async setMember(membership: Membership, event: AuditEvent, keeping?: Keeping<MemberChange>): Promise<MemberChange> {
    const { workspaceId, userId } = membership;
    const set = async (transaction: Transaction): Promise<CommitResult<MemberChange>> => {
      await requireWorkspace(transaction, workspaceId);
      const { former, isLastAdmin } = await this.#lock(transaction, workspaceId, userId);
      if (isLastAdmin && membership.role !== 'ADMIN') return { answer: { kind: 'last_admin' }, events: [] };
      // The server's role may not update memberships: a row is written once, as it was granted.
      if (former) await transaction.delete(MembershipEntity, { workspaceId, userId });
      await transaction.insert(MembershipEntity, newMembershipRow(this.#guard, membership, event.id));
      const ended = former && this.#guard.isGenuine(membershipGrants, former) ? former : undefined;
      return { answer: { kind: 'done', membership }, events: [recordPriorState(event, ended)] };
    };
    return this.#commits.run({}, set, keeping);
  }

  async removeMember(
    { workspaceId, userId, event }: Parameters<MemberStore['removeMember']>[0],
    keeping?: Keeping<MemberChange>,
  ): Promise<MemberChange> {
    const remove = async (transaction: Transaction): Promise<CommitResult<MemberChange>> => {
      const { former, isLastAdmin } = await this.#lock(transaction, workspaceId, userId);
      if (!former || !this.#guard.isGenuine(membershipGrants, former))
        return { answer: { kind: 'absent' }, events: [] };
      if (isLastAdmin) return { answer: { kind: 'last_admin' }, events: [] };
      await transaction.delete(MembershipEntity, { workspaceId, userId });
      const answer = { kind: 'done', membership: membershipOf(former) } as const;
      return { answer, events: [recordPriorState(event, former)] };
    };
    return this.#commits.run({}, remove, keeping);
  }

  async #readMembers({
    workspaceId,
    after,
    limit,
    signal,
  }: {
    readonly workspaceId: string;
    readonly after: string | undefined;
    readonly limit: number;
    readonly signal: AbortSignal;
  }): Promise<readonly MemberRow[]> {
    const where = after === undefined ? { workspaceId } : { workspaceId, userId: { $gt: after } };
    const criteria = { where, orderBy: { userId: 'asc' }, limit } as const;
    const rows = await this.#database.find({ signal }, MembershipEntity, criteria);
    const users = await this.#database.find({ signal }, UserEntity, {
      where: hasIdAmong(rows.map((row) => row.userId)),
    });
    const usersById = new Map(users.map((user) => [user.id, user]));
    return rows.map((membership) => ({ membership, user: usersById.get(membership.userId) }));
  }

  /** A member is shown with the name of their user, whose row must be genuine as well. */
  #memberOf({ membership, user }: MemberRow): Member | undefined {
    const isGenuine =
      this.#guard.isGenuine(membershipGrants, membership) && user && this.#guard.isGenuine(userGrants, user);
    return isGenuine ? { ...membershipOf(membership), name: user.name } : undefined;
  }

  /** The user's membership, and whether the user is the only ADMIN; both stay so until the transaction ends. */
  async #lock(
    transaction: Transaction,
    workspaceId: string,
    userId: string,
  ): Promise<{ readonly former: MembershipRow | undefined; readonly isLastAdmin: boolean }> {
    await transaction.run(takeLock('members'));
    const rows = await transaction.find(MembershipEntity, {
      where: { workspaceId, $or: [{ userId }, { role: 'ADMIN' }] },
    });
    const users = await transaction.find(UserEntity, {
      where: { deactivatedAt: null, ...hasIdAmong(rows.map((row) => row.userId)) },
    });
    const active = new Set(users.map(({ id }) => id));
    const admins = rows.filter(
      (row) => row.role === 'ADMIN' && active.has(row.userId) && this.#guard.isGenuine(membershipGrants, row),
    );
    const isLastAdmin = admins.length === 1 && admins[0]?.userId === userId;
    return { former: rows.find((row) => row.userId === userId), isLastAdmin };
  }
}
