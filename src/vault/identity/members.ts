import { auditEvent, type AuditAction, type AuditEvent, type EventSource } from '../audit/audit-event.ts';
import { authorize, checkGranting, requireGrant, type Call, type Caller } from '../caller.ts';
import { notFound, VaultError } from '../errors.ts';
import { parseReference } from '../ids.ts';
import { checkPageSize, type PageRange } from '../page.ts';
import type { Role } from '../permissions.ts';
import { keepingOf, type MutationCall } from '../requests/mutation-call.ts';
import type { Keeping } from '../requests/ports.ts';
import type { Member, Membership, User } from './identity.ts';
import type { MemberChange, MemberStore } from './ports.ts';

export interface MemberDirectoryParts extends EventSource {
  readonly store: MemberStore;
}

/** The grant of a new or changed member. */
export interface MemberDraft {
  /** The user's id in either form. */
  readonly userId: string;
  readonly role: Role;
  readonly mayReveal: boolean;
}

/** Adds, removes and lists the members of a workspace, for its admins. */
export class MemberDirectory {
  readonly #parts: MemberDirectoryParts;

  constructor(parts: MemberDirectoryParts) {
    this.#parts = parts;
  }

  /**
   * Adds a member, or replaces the grant of a member.
   *
   * @throws VaultError `permission_denied` for a grant that exceeds the caller's own or would outlive it, `not_found` for an
   *   unknown or deactivated user, or `invalid_argument` with the reason `LAST_ADMIN` if no other member would be ADMIN
   */
  async addMember(call: MutationCall<Member>, { userId: text, role, mayReveal }: MemberDraft): Promise<Member> {
    const grant = requireGrant(call.caller, call.workspaceId, 'members.manage');
    checkPermanence(call.caller);
    checkGranting(grant, { role, mayReveal }, 'a member');
    const user = await this.#findUser(call, text);
    if (user.deactivatedAt !== null) throw notFound('user', text);
    const { workspaceId } = call;
    const membership = { workspaceId, userId: user.id, role, mayReveal };
    const event = this.#event(call, 'members.add', user.id);
    requireDone(await this.#parts.store.setMember(membership, event, memberKeeping(call, user)), text);
    return { ...membership, name: user.name };
  }

  /**
   * Removes a member at once.
   *
   * @throws VaultError `not_found` for a user who is not a member, or `invalid_argument` with the reason `LAST_ADMIN`
   */
  async removeMember(call: MutationCall<Member>, text: string): Promise<Member> {
    authorize(call, 'members.manage');
    const { signal, workspaceId } = call;
    const reference = parseReference('user', text);
    // Searched among the members only: the caller must not learn which other users exist.
    const member = reference && (await this.#parts.store.findMember({ workspaceId, reference, signal }));
    if (!member) throw notFound('user', text);
    const { name, userId } = member;
    const event = this.#event(call, 'members.remove', userId);
    return {
      ...requireDone(
        await this.#parts.store.removeMember({ workspaceId, userId, event }, memberKeeping(call, member)),
        text,
      ),
      name,
    };
  }

  /** The members in the order of their ids. */
  async listMembers(call: Call, page: PageRange): Promise<readonly Member[]> {
    authorize(call, 'members.manage');
    checkPageSize(page.size);
    return this.#parts.store.listMembers({ ...page, workspaceId: call.workspaceId, signal: call.signal });
  }

  async #findUser(call: Call, text: string): Promise<User> {
    const reference = parseReference('user', text);
    const user = reference && (await this.#parts.store.findUser(reference, call.signal));
    if (!user) throw notFound('user', text);
    return user;
  }

  #event(call: Call, action: AuditAction, resourceId: string): AuditEvent {
    return auditEvent(this.#parts, call, { action, resourceKind: 'member', resourceId });
  }
}

/** An expiring key may not add members, because the membership would outlive the key. */
function checkPermanence({ expiresAt }: Caller): void {
  if (expiresAt === null) return;
  throw new VaultError('permission_denied', 'an expiring key cannot add members');
}

function memberKeeping(call: MutationCall<Member>, { name }: Pick<Member, 'name'>): Keeping<MemberChange> | undefined {
  return keepingOf(call, (change: MemberChange) =>
    change.kind === 'done' ? { ...change.membership, name } : undefined,
  );
}

/** The membership that was set or removed. */
function requireDone(change: MemberChange, text: string): Membership {
  if (change.kind === 'done') return change.membership;
  if (change.kind === 'absent') throw notFound('user', text);
  const details = { field: 'user_id', reason: 'LAST_ADMIN' };
  throw new VaultError('invalid_argument', 'the workspace must keep at least one ADMIN', details);
}
