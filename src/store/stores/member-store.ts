import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type { Reference } from '../../vault/ids.ts';
import type { Member, Membership, User } from '../../vault/identity/identity.ts';
import type { MemberChange, MemberStore } from '../../vault/identity/ports.ts';
import { insertMembership, userOf, userOfColumns } from '../identity/access-rows.ts';
import type { CommitQueue } from '../commits/commit-queue.ts';
import type { Database } from '../postgres/database.ts';
import { UserEntity } from '../entities/identity.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { membershipGrants, userGrants } from '../identity/grant-tables.ts';
import {
  deleteMembership,
  findMember,
  findMembersForChange,
  listMembers,
  lockMembers,
  type MemberRow,
  type MembershipRow,
} from '../identity/member-statements.ts';
import { requireWorkspace } from '../workspaces/require-workspace.ts';
import { combine } from '../postgres/statements/statement.ts';
import { recordPriorState } from '../identity/prior-state.ts';
import type { Transaction } from '../postgres/sessions/transaction.ts';
import { readCheckedPage } from '../postgres/statements/pages.ts';

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
    return row && this.#guard.holds(userGrants, row) ? userOf(row) : undefined;
  }

  async findMember({
    workspaceId,
    reference,
    signal,
  }: Parameters<MemberStore['findMember']>[0]): Promise<Member | undefined> {
    const [row] = await this.#database.query<MemberRow>(findMember(workspaceId, reference), signal);
    return row && this.#isSound(row) ? memberOf(row) : undefined;
  }

  async setMember(membership: Membership, event: AuditEvent): Promise<MemberChange> {
    const { workspaceId, userId } = membership;
    return this.#commits.run<MemberChange>({}, async (transaction) => {
      await requireWorkspace(transaction, workspaceId);
      const { former, isLastAdmin } = await this.#lock(transaction, workspaceId, userId);
      if (isLastAdmin && membership.role !== 'ADMIN') return { answer: { kind: 'last_admin' }, events: [] };
      // The server may not update memberships: a row is written once, as somebody granted it.
      if (former) await transaction.run(combine(deleteMembership(workspaceId, userId)));
      await transaction.run(combine(insertMembership(this.#guard, membership, event.id)));
      const ended = former && this.#guard.holds(membershipGrants, former) ? former : undefined;
      return { answer: { kind: 'done', membership }, events: [recordPriorState(event, ended)] };
    });
  }

  async removeMember({
    workspaceId,
    userId,
    event,
  }: Parameters<MemberStore['removeMember']>[0]): Promise<MemberChange> {
    return this.#commits.run<MemberChange>({}, async (transaction) => {
      const { former, isLastAdmin } = await this.#lock(transaction, workspaceId, userId);
      if (!former || !this.#guard.holds(membershipGrants, former)) return { answer: { kind: 'absent' }, events: [] };
      if (isLastAdmin) return { answer: { kind: 'last_admin' }, events: [] };
      await transaction.run(combine(deleteMembership(workspaceId, userId)));
      return { answer: { kind: 'done', membership: membershipOf(former) }, events: [recordPriorState(event, former)] };
    });
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
      read: (last, limit) => this.#database.query<MemberRow>(listMembers(workspaceId, last ?? null, limit), signal),
      keyOf: ({ userId }) => userId,
      show: (row) => (this.#isSound(row) ? memberOf(row) : undefined),
    });
  }

  /** A member is shown with the name of their user, who must be genuine as well. */
  #isSound(row: MemberRow): boolean {
    return this.#guard.holds(membershipGrants, row) && this.#guard.holds(userGrants, userOfColumns(row.userId, row));
  }

  /** What the user has in the workspace, and whether nobody but him is ADMIN there; it stays so until the transaction ends. */
  async #lock(
    transaction: Transaction,
    workspaceId: string,
    userId: string,
  ): Promise<{ readonly former: MembershipRow | undefined; readonly isLastAdmin: boolean }> {
    await transaction.run(lockMembers);
    const rows = await transaction.run<MembershipRow>(findMembersForChange(workspaceId, userId));
    const admins = rows.filter((row) => row.role === 'ADMIN' && this.#guard.holds(membershipGrants, row));
    const isLastAdmin = admins.length === 1 && admins[0]?.userId === userId;
    return { former: rows.find((row) => row.userId === userId), isLastAdmin };
  }
}

function membershipOf({ workspaceId, userId, role, mayReveal }: Membership): Membership {
  return { workspaceId, userId, role, mayReveal };
}

function memberOf({ workspaceId, userId, role, mayReveal, userName: name }: MemberRow): Member {
  return { workspaceId, userId, role, mayReveal, name };
}
