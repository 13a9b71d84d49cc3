import { auditEvent, type AuditAction, type AuditEvent, type EventSource } from '../audit/audit-event.ts';
import { authorizeOwner, type Call } from '../caller.ts';
import { invalidArgument, notFound, VaultError } from '../errors.ts';
import { parseReference, type Reference } from '../ids.ts';
import { checkPageSize, type PageRange } from '../page.ts';
import { keepingOf, type MutationCall } from '../requests/mutation-call.ts';
import { checkName } from '../text-rules.ts';
import type { User } from './identity.ts';
import { checkPassword } from './passwords.ts';
import type { Deactivation, PasswordHasher, Revocation, UserStore } from './ports.ts';

/** Finds the default workspace of a new user. */
export interface WorkspaceFinder {
  findWorkspace(reference: Reference, signal: AbortSignal): Promise<{ readonly id: string } | undefined>;
}

export interface UserDirectoryParts extends EventSource {
  readonly store: UserStore;
  readonly workspaces: WorkspaceFinder;
  readonly hasher: PasswordHasher;
}

/** What an owner chooses for a new user. */
export interface UserDraft {
  /** The name that the user logs in by. */
  readonly name: string;
  readonly isOwner: boolean;
  /** A workspace's id in either form, or `default`. */
  readonly defaultWorkspace: string;
  readonly password: string;
}

/** Creates, shows and deactivates users, for owners of the instance. Access to a workspace is granted by its admins. */
export class UserDirectory {
  readonly #parts: UserDirectoryParts;

  constructor(parts: UserDirectoryParts) {
    this.#parts = parts;
  }

  /**
   * Creates a user without any membership.
   *
   * @throws VaultError `permission_denied`, `invalid_argument`, `not_found` for the workspace, or `name_taken`
   */
  async createUser(call: MutationCall<User>, draft: UserDraft): Promise<User> {
    authorizeOwner(call.caller, 'users.manage');
    checkName('user.name', draft.name);
    // A name in the form of an id could be another user's id.
    if (parseReference('user', draft.name)) throw invalidArgument('user.name', 'must not be an id');
    checkPassword('password', draft.password);
    const defaultWorkspaceId = await this.#findWorkspace(call, draft.defaultWorkspace);
    const { clock, hasher, ids, store } = this.#parts;
    const passwordHash = await hasher.hash(draft.password);
    const { name, isOwner } = draft;
    const lifetime = { deactivatedAt: null, createdAt: clock.now() };
    const user = { id: ids.next(), name, isOwner, defaultWorkspaceId, passwordHash, ...lifetime };
    await store.createUser(user, this.#event(call, 'users.create', user.id), call.keeping);
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

  /** All users in the order of their ids, including users of a token issuer who have issued an API key. */
  async listUsers(call: Call, page: PageRange): Promise<readonly User[]> {
    authorizeOwner(call.caller, 'users.manage');
    checkPageSize(page.size);
    return this.#parts.store.listUsers({ ...page, signal: call.signal });
  }

  /**
   * Revokes all authentication of a user permanently: the password, the sessions and the personal API keys. API keys that the
   * user issued for workspaces stay valid, because they belong to the workspaces. A second deactivation changes nothing.
   *
   * @throws VaultError `permission_denied`, `not_found`, or `invalid_argument`: with the reason `LAST_OWNER` if no other owner
   *   would remain, with `USER_OF_ISSUER` for a user of a token issuer, where they must be deactivated
   */
  async deactivateUser(call: MutationCall<User>, text: string): Promise<User> {
    const user = await this.describeUser(call, text);
    if (user.passwordHash === null && !user.isOwner) throw userOfIssuer();
    const deactivation = {
      userId: user.id,
      deactivatedAt: this.#parts.clock.now(),
      event: this.#event(call, 'users.deactivate', user.id),
      eventOf: (revocation: Revocation) => auditEvent(this.#parts, call, { ...revocation, workspaceId: null }),
    };
    const keeping = keepingOf(call, (outcome: Deactivation) => (outcome.kind === 'done' ? outcome.user : undefined));
    const deactivated = await this.#parts.store.deactivateUser(deactivation, keeping);
    if (deactivated.kind === 'absent') throw notFound('user', text);
    if (deactivated.kind === 'last_owner') throw lastOwner();
    return deactivated.user;
  }

  /** Owners may refer to every workspace. */
  async #findWorkspace({ caller, signal }: Call, text: string): Promise<string> {
    const reference = text === 'default' ? { id: caller.defaultWorkspaceId } : parseReference('workspace', text);
    const workspace = reference && (await this.#parts.workspaces.findWorkspace(reference, signal));
    if (!workspace) throw notFound('workspace', text);
    return workspace.id;
  }

  #event(call: Call, action: AuditAction, resourceId: string): AuditEvent {
    return auditEvent(this.#parts, call, { action, workspaceId: null, resourceKind: 'user', resourceId });
  }
}

function userOfIssuer(): VaultError {
  const details = { field: 'user_id', reason: 'USER_OF_ISSUER' };
  return new VaultError('invalid_argument', 'this user must be deactivated at the issuer of their tokens', details);
}

function lastOwner(): VaultError {
  const details = { field: 'user_id', reason: 'LAST_OWNER' };
  return new VaultError('invalid_argument', 'the last owner of the instance cannot be deactivated', details);
}
