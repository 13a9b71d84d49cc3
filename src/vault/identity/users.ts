import { type Reference, parseReference, type IdSource } from '../ids.ts';
import { auditEvent, type AuditAction, type AuditEvent } from '../audit/audit-event.ts';
import { authorizeOwner, type Call } from '../caller.ts';
import { invalidArgument, notFound, VaultError } from '../errors.ts';
import { limits } from '../limits.ts';
import { checkPassword } from './passwords.ts';
import type { Clock } from '../time.ts';
import type { PasswordHasher, Revocation, AccountStore } from './ports.ts';
import type { User } from './identity.ts';

/** What the directory works with. */
export interface UserDirectoryParts {
  readonly store: AccountStore;
  readonly workspaces: WorkspaceFinder;
  readonly hasher: PasswordHasher;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/** Finds a new user's default workspace. */
export interface WorkspaceFinder {
  findWorkspace(reference: Reference, signal: AbortSignal): Promise<{ readonly id: string } | undefined>;
}

/** What an owner chooses of a new user. */
export interface UserDraft {
  /** What he logs in by. */
  readonly name: string;
  readonly isOwner: boolean;
  /** A workspace's id in either spelling, or `default`. */
  readonly defaultWorkspace: string;
  readonly password: string;
}

/** Makes and shows the users of the instance, for its owners. What users may do is granted by the admins of workspaces. */
export class UserDirectory {
  readonly #parts: UserDirectoryParts;

  constructor(parts: UserDirectoryParts) {
    this.#parts = parts;
  }

  /**
   * Makes a user, who is a member of nothing yet.
   *
   * @throws VaultError `permission_denied`, `invalid_argument`, `not_found` for the workspace, or `name_taken`
   */
  async createUser(call: Call, draft: UserDraft): Promise<User> {
    authorizeOwner(call.caller, 'users.manage');
    checkName(draft.name);
    checkPassword('password', draft.password);
    const defaultWorkspaceId = await this.#findWorkspace(call, draft.defaultWorkspace);
    const { clock, hasher, ids, store } = this.#parts;
    const passwordHash = await hasher.hash(draft.password);
    const { name, isOwner } = draft;
    const lifetime = { deactivatedAt: null, createdAt: clock.now() };
    const user = { id: ids.next(), name, isOwner, defaultWorkspaceId, passwordHash, ...lifetime };
    await store.createUser(user, this.#event(call, 'users.create', user.id));
    return user;
  }

  /** @throws VaultError `permission_denied` or `not_found` */
  async describeUser(call: Call, text: string): Promise<User> {
    authorizeOwner(call.caller, 'users.manage');
    const reference = parseReference('user', text);
    const user = reference && (await this.#parts.store.findUser(reference, call.signal));
    if (!user) throw notFound('user', text);
    return user;
  }

  /** All users in the order of their ids, those too whom an issuer of tokens vouches for and who have issued a key. */
  async listUsers(call: Call, page: { readonly after?: string; readonly size: number }): Promise<readonly User[]> {
    authorizeOwner(call.caller, 'users.manage');
    if (!(page.size >= 1 && page.size <= limits.pageSize)) throw invalidArgument('page_size', 'is out of range');
    return this.#parts.store.listUsers({ ...page, signal: call.signal });
  }

  /**
   * Ends all that proves a user, at once and for good: his password, his sessions and his personal keys. Keys that he issued
   * for workspaces stay, since they are the workspaces'. Deactivating him again changes nothing.
   *
   * @throws VaultError `permission_denied`, `not_found`, or `invalid_argument`, with the reason `LAST_OWNER` where no other owner
   *   would be left, and with `USER_OF_ISSUER` for whom an issuer of tokens vouches, who must do it
   */
  async deactivateUser(call: Call, text: string): Promise<User> {
    const user = await this.describeUser(call, text);
    if (user.passwordHash === null && !user.isOwner) throw userOfIssuer();
    const deactivation = {
      userId: user.id,
      deactivatedAt: this.#parts.clock.now(),
      event: this.#event(call, 'users.deactivate', user.id),
      eventOf: ({ action, resourceKind, resourceId }: Revocation) => ({
        ...this.#event(call, action, resourceId),
        resourceKind,
      }),
    };
    const deactivated = await this.#parts.store.deactivateUser(deactivation);
    if (deactivated.kind === 'absent') throw notFound('user', text);
    if (deactivated.kind === 'last_owner') throw lastOwner();
    return deactivated.user;
  }

  /** Owners know of all workspaces. */
  async #findWorkspace({ caller, signal }: Call, text: string): Promise<string> {
    const reference = text === 'default' ? { id: caller.defaultWorkspaceId } : parseReference('workspace', text);
    const workspace = reference && (await this.#parts.workspaces.findWorkspace(reference, signal));
    if (!workspace) throw notFound('workspace', text);
    return workspace.id;
  }

  #event(call: Call, action: AuditAction, resourceId: string): AuditEvent {
    const { clock, ids } = this.#parts;
    const resource = { workspaceId: null, resourceKind: 'user', resourceId };
    return auditEvent(call, { id: ids.next(), time: clock.now(), action, outcome: 'OK', ...resource });
  }
}

function userOfIssuer(): VaultError {
  const details = { field: 'user_id', reason: 'USER_OF_ISSUER' };
  return new VaultError('invalid_argument', 'the issuer of this user’s tokens must deactivate him', details);
}

function lastOwner(): VaultError {
  const details = { field: 'user_id', reason: 'LAST_OWNER' };
  return new VaultError('invalid_argument', 'the last owner of the instance must stay one', details);
}

/** A name that reads as an id could be another user's. */
function checkName(name: string): void {
  if (name.trim() === '') throw invalidArgument('user.name', 'must not be empty');
  if (Array.from(name).length > limits.nameCharacters) {
    throw invalidArgument('user.name', `must be at most ${limits.nameCharacters} characters`);
  }
  if (name.includes('\0')) throw invalidArgument('user.name', 'must not contain U+0000');
  if (parseReference('user', name)) throw invalidArgument('user.name', 'must not be an id');
}
