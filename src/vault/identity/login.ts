import { auditEvent, type AuditEvent } from '../audit/audit-event.ts';
import type { AnonymousCall, Call, Caller } from '../caller.ts';
import { invalidArgument, VaultError } from '../errors.ts';
import { loginThrottled, type LoginThrottle } from './login-throttle.ts';
import { checkPassword, isTooLong } from './passwords.ts';
import type { AuditStore } from '../audit/ports.ts';
import type { Clock } from '../time.ts';
import type { FirstPassword, PasswordHasher, TokenSource, UserStore } from './ports.ts';
import type { IdSource } from '../ids.ts';
import type { User } from './identity.ts';
import { beginSession, loginEvent, passwordWrong, type BegunSession } from './sessions.ts';

/** The part of the user store that logging in needs. */
export type LoginUsers = Pick<
  UserStore,
  | 'anyPassword'
  | 'findUsersWithPassword'
  | 'findUser'
  | 'findFirstOwner'
  | 'setFirstPassword'
  | 'createSession'
  | 'deleteSession'
>;

/** What logging in works with. */
export interface LoginParts {
  readonly users: LoginUsers;
  readonly audit: AuditStore;
  readonly hasher: PasswordHasher;
  readonly tokens: TokenSource;
  readonly throttle: LoginThrottle;
  readonly clock: Clock;
  readonly ids: IdSource;
  /** Resolves after so many milliseconds, or when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Sets the first password, and trades it for sessions. */
export class Login {
  readonly #parts: LoginParts;

  constructor(parts: LoginParts) {
    this.#parts = parts;
  }

  /** Whether a password has been set; it may have been withdrawn since. */
  async isSetUp(): Promise<boolean> {
    return this.#parts.users.anyPassword();
  }

  /**
   * Sets the first password, once: with the API key of an owner, who gets it; or from this machine, for a new user who
   * edits the default workspace but reveals nothing. After a password was withdrawn, owners alone set another.
   *
   * @throws VaultError `already_set_up` first of all, `invalid_argument`, or `permission_denied` for anybody else
   */
  async setUp(call: AnonymousCall, password: string, confirm: string): Promise<void> {
    if (await this.#isOverFor(call)) throw alreadySetUp();
    if (!call.caller?.isOwner && !call.isLocal) throw setUpDenied(call);
    if (password !== confirm) throw invalidArgument('confirm', 'does not match the password');
    checkPassword('password', password);
    // Found before the hash is computed: what is withdrawn meanwhile stays so.
    const owner = call.caller?.isOwner ? await this.#owner(call.caller) : undefined;
    const passwordHash = await this.#parts.hasher.hash(password);
    const first = owner ? ownerWith(owner, passwordHash) : await this.#newEditor(passwordHash);
    const { user } = first;
    const setUp = { action: 'users.set_up', outcome: 'OK', resourceKind: 'user', resourceId: user.id } as const;
    const event = loginEvent(this.#parts, call, user, { ...setUp, authentication: setUpAuthentication(call) });
    if (!(await this.#parts.users.setFirstPassword({ ...first, event }))) throw alreadySetUp();
  }

  /**
   * Trades the password for a session token.
   *
   * @throws VaultError `login_throttled` with the time to wait, before anything is computed; `password_wrong`, held back
   *   after repeated failures
   */
  async login(call: AnonymousCall, password: string): Promise<BegunSession> {
    const attempt = await this.#parts.throttle.begin();
    if (attempt.kind === 'throttled') throw loginThrottled(attempt);
    let user: User | undefined;
    try {
      user = await this.#userWithPassword(password, call.signal);
    } catch (error) {
      attempt.abandon();
      throw error;
    }
    if (!user) {
      await this.#refuse(call, attempt.fail().holdMs);
      throw passwordWrong();
    }
    attempt.succeed();
    return beginSession(this.#parts, call, user);
  }

  /** Ends the caller's session; for an API key there is none to end. */
  async logout(call: Call): Promise<void> {
    if (call.caller.sessionId === null) return;
    const { sessionId } = call.caller;
    const logout = { action: 'sessions.logout', resourceKind: 'session', resourceId: sessionId } as const;
    await this.#parts.users.deleteSession(sessionId, auditEvent(this.#parts, call, logout));
  }

  /** The one who set the first password; comparing against one user costs the same whatever was sent. */
  async #userWithPassword(password: string, signal: AbortSignal): Promise<User | undefined> {
    const [user] = await this.#parts.users.findUsersWithPassword(signal);
    if (!user || user.passwordHash === null || isTooLong(password)) return undefined;
    return (await this.#parts.hasher.verify(password, user.passwordHash)) ? user : undefined;
  }

  async #refuse(call: AnonymousCall, holdMs: number): Promise<void> {
    const failed = { action: 'sessions.login', outcome: 'DENIED', resourceKind: 'session', resourceId: null } as const;
    const event = loginEvent(this.#parts, call, undefined, { ...failed, authentication: 'password' });
    await this.#parts.audit.append(event);
    await this.#parts.wait(holdMs, call.signal);
  }

  async #isOverFor({ caller, signal }: AnonymousCall): Promise<boolean> {
    if (!caller?.isOwner) return this.isSetUp();
    return (await this.#parts.users.findUsersWithPassword(signal)).length > 0;
  }

  async #owner(caller: Caller): Promise<User> {
    const owner = await this.#parts.users.findUser({ id: caller.userId });
    if (!owner) throw new VaultError('token_invalid', 'the user of this token is gone');
    return owner;
  }

  async #newEditor(passwordHash: string): Promise<Omit<FirstPassword, 'event'>> {
    const owner = await this.#parts.users.findFirstOwner();
    if (!owner) throw new VaultError('unavailable', 'the instance has no owner');
    const { defaultWorkspaceId } = owner;
    const id = this.#parts.ids.next();
    const createdAt = this.#parts.clock.now();
    return {
      user: { id, name: 'dashboard', isOwner: false, defaultWorkspaceId, passwordHash, deactivatedAt: null, createdAt },
      from: { membership: { workspaceId: defaultWorkspaceId, userId: id, role: 'EDITOR', mayReveal: false } },
    };
  }
}

function ownerWith(owner: User, passwordHash: string): Omit<FirstPassword, 'event'> {
  return { user: { ...owner, passwordHash }, from: { formerHash: owner.passwordHash } };
}

function alreadySetUp(): VaultError {
  return new VaultError('already_set_up', 'password already configured');
}

/** An owner is let in by his key; anybody else, with whatever key, by being on this machine. */
function setUpAuthentication({ caller }: AnonymousCall): AuditEvent['authentication'] {
  return caller?.isOwner ? caller.authentication : 'local';
}

function setUpDenied(call: AnonymousCall): VaultError {
  return call.caller
    ? new VaultError('permission_denied', 'only an owner may set the first password')
    : new VaultError('token_missing', 'the admin API key is needed to set the first password from another machine');
}
