import { auditEvent, type AuditAction, type AuditEvent } from '../audit/audit-event.ts';
import { authorize, checkGranting, type Call, type Caller, type Grant } from '../caller.ts';
import { invalidArgument, notFound, VaultError } from '../errors.ts';
import { parseReference, type IdSource } from '../ids.ts';
import { limits } from '../limits.ts';
import type { Member, Membership, User } from './identity.ts';
import type { MemberChange, MemberStore } from './ports.ts';
import type { Role } from '../permissions.ts';
import type { Clock } from '../time.ts';

/** What the directory works with. */
export interface MemberDirectoryParts {
  readonly store: MemberStore;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/** What a member is to have. */
export interface MemberDraft {
  /** The user's id, in either spelling. */
  readonly userId: string;
  readonly role: Role;
  readonly mayReveal: boolean;
}

/** Says who the members of a workspace are, for its admins. Each method first authorizes the call in its workspace. */
export class MemberDirectory {
  readonly #parts: MemberDirectoryParts;

  constructor(parts: MemberDirectoryParts) {
    this.#parts = parts;
  }

  /**
   * Makes a user a member, or gives a member what the draft says instead of what he had.
   *
   * @throws VaultError `permission_denied` where he would be granted more than the caller has or outlive him, `not_found` for an
   *   unknown or deactivated user, or `invalid_argument` with the reason `LAST_ADMIN` where nobody else would be ADMIN
   */
  async addMember(call: Call, { userId: text, role, mayReveal }: MemberDraft): Promise<Member> {
    const grant = this.#authorize(call);
    checkPermanence(call.caller);
    checkGranting(grant, { role, mayReveal }, 'a member');
    const user = await this.#findUser(call, text);
    if (user.deactivatedAt !== null) throw notFound('user', text);
    const { workspaceId } = call;
    const membership = { workspaceId, userId: user.id, role, mayReveal };
    const event = this.#event(call, 'members.add', user.id);
    settle(await this.#parts.store.setMember(membership, event), text);
    return { ...membership, name: user.name };
  }

  /**
   * Ends what a member may do in the workspace, at once.
   *
   * @throws VaultError `not_found` for whoever is no member, or `invalid_argument` with the reason `LAST_ADMIN`
   */
  async removeMember(call: Call, text: string): Promise<Member> {
    this.#authorize(call);
    const { signal, workspaceId } = call;
    const reference = parseReference('user', text);
    // Among the members alone: whether there is such a user elsewhere is not the caller's business.
    const member = reference && (await this.#parts.store.findMember({ workspaceId, reference, signal }));
    if (!member) throw notFound('user', text);
    const { name, userId } = member;
    const event = this.#event(call, 'members.remove', userId);
    return { ...settle(await this.#parts.store.removeMember({ workspaceId, userId, event }), text), name };
  }

  /** The members in the order of their ids. */
  async listMembers(call: Call, page: { readonly after?: string; readonly size: number }): Promise<readonly Member[]> {
    this.#authorize(call);
    if (!(page.size >= 1 && page.size <= limits.pageSize)) throw invalidArgument('page_size', 'is out of range');
    return this.#parts.store.listMembers({ ...page, workspaceId: call.workspaceId, signal: call.signal });
  }

  #authorize(call: Call): Grant {
    return authorize(call.caller, call.workspaceId, 'members.manage');
  }

  async #findUser(call: Call, text: string): Promise<User> {
    const reference = parseReference('user', text);
    const user = reference && (await this.#parts.store.findUser(reference, call.signal));
    if (!user) throw notFound('user', text);
    return user;
  }

  #event(call: Call, action: AuditAction, userId: string): AuditEvent {
    const { clock, ids } = this.#parts;
    const resource = { resourceKind: 'member', resourceId: userId };
    return auditEvent(call, { id: ids.next(), time: clock.now(), action, outcome: 'OK', ...resource });
  }
}

/** Whom a key that ends could add would stay behind. */
function checkPermanence({ expiresAt }: Caller): void {
  if (expiresAt === null) return;
  throw new VaultError('permission_denied', 'a key that ends can not add members, who would stay');
}

/** The membership that was set or removed; throws where there is none. */
function settle(change: MemberChange, text: string): Membership {
  if (change.kind === 'done') return change.membership;
  if (change.kind === 'absent') throw notFound('user', text);
  const details = { field: 'user_id', reason: 'LAST_ADMIN' };
  throw new VaultError('invalid_argument', 'the last ADMIN among the members must stay one', details);
}
