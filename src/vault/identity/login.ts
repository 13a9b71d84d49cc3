import { auditEvent, type AuditedAction, type AuditEvent, type AuditOutcome } from '../audit/audit-event.ts';
import type { AuditStore } from '../audit/ports.ts';
import type { AnonymousCall, Call, Caller } from '../caller.ts';
import { invalidArgument, VaultError } from '../errors.ts';
import { parseReference } from '../ids.ts';
import type { User } from './identity.ts';
import { loginThrottled, type LoginAttempt, type LoginThrottle, type LoginThrottles } from './login-throttle.ts';
import { checkPassword, isPassword, isTooLong } from './passwords.ts';
import type { FirstPassword, PasswordHasher, UserStore } from './ports.ts';
import { beginSession, loginEvent, passwordWrong, type BegunSession, type SessionParts } from './sessions.ts';

/** The part of the user store that logins need. */
export type LoginUsers = Pick<
  UserStore,
  | 'anyPassword'
  | 'changePassword'
  | 'createSession'
  | 'deleteSession'
  | 'findFirstOwner'
  | 'findUser'
  | 'findUserByName'
  | 'findUsersWithPassword'
  | 'setFirstPassword'
>;

export interface LoginParts extends SessionParts {
  readonly users: LoginUsers;
  readonly audit: AuditStore;
  readonly hasher: PasswordHasher;
  /** For logins without a name. */
  readonly throttle: LoginThrottle;
  /** For logins by name, and for changes of passwords. */
  readonly throttles: LoginThrottles;
  /** Resolves after so many milliseconds, or when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** A login by name. */
export interface LoginRequest {
  /** The user's name, or their id in either form. */
  readonly user: string;
  readonly password: string;
}

/** Sets the first password, exchanges passwords for sessions, and changes passwords. */
export class Login {
  readonly #parts: LoginParts;
  /** Compared if there is no such user, so that the response takes the same time. */
  #decoy: string | undefined;

  constructor(parts: LoginParts) {
    this.#parts = parts;
  }

  /** Whether a password has ever been set, even if it was withdrawn since. */
  async isSetUp(): Promise<boolean> {
    return this.#parts.users.anyPassword();
  }

  /**
   * Sets the first password, once: for the owner whose API key authenticates the call; or, for a call from this machine, for a new
   * user who may edit the default workspace but not reveal. After a password was withdrawn, only owners may set another one.
   *
   * @throws VaultError `already_set_up` before any other check, `invalid_argument`, or `permission_denied` for other callers
   */
  async setUp(call: AnonymousCall, password: string, confirm: string): Promise<void> {
    if (await this.#isClosedFor(call)) throw alreadySetUp();
    if (!call.caller?.isOwner && !call.isLocal) throw setUpDenied(call);
    if (password !== confirm) throw invalidArgument('confirm', 'does not match the password');
    checkPassword('password', password);
    // Found before the hash is computed, so that a password that is withdrawn in the meantime stays withdrawn.
    const owner = call.caller?.isOwner ? await this.#owner(call.caller) : undefined;
    const passwordHash = await this.#parts.hasher.hash(password);
    const first = owner ? ownerWith(owner, passwordHash) : await this.#newEditor(passwordHash);
    const { user } = first;
    const setUp = { action: 'users.set_up', outcome: 'OK', resourceKind: 'user', resourceId: user.id } as const;
    const event = loginEvent(this.#parts, call, user, { ...setUp, authentication: setUpAuthentication(call) });
    if (!(await this.#parts.users.setFirstPassword({ ...first, event }))) throw alreadySetUp();
  }

  /**
   * Exchanges the first password for a session token.
   *
   * @throws VaultError `login_throttled` with the time to wait, before a hash is computed; `password_wrong`, delayed after
   *   repeated failures
   */
  async login(call: AnonymousCall, password: string): Promise<BegunSession> {
    const attempt = await this.#parts.throttle.begin();
    const { user, holdMs } = await complete(attempt, () => this.#userWithPassword(password, call.signal));
    if (user) return beginSession(this.#parts, call, user);
    return this.#refuseLogin(call, { resourceKind: 'session', resourceId: null }, holdMs);
  }

  /**
   * Exchanges a user's password for a session token. An unknown user is refused in the same way as a wrong password.
   *
   * @throws as `login`
   */
  async loginByName(call: AnonymousCall, { user: text, password }: LoginRequest): Promise<BegunSession> {
    const found = await this.#find(text, call.signal);
    const attempt = await this.#parts.throttles.begin({ account: found?.id ?? `unknown ${text}`, peer: call.peer });
    const { user, holdMs } = await complete(attempt, () => this.#verify(found, password));
    if (user) return beginSession(this.#parts, call, user);
    return this.#refuseLogin(call, { resourceKind: 'user', resourceId: found?.id ?? null }, holdMs);
  }

  /** Revokes the caller's session; an API key has none. */
  async logout(call: Call): Promise<void> {
    const { sessionId } = call.caller;
    if (sessionId === null) return;
    const logout = { action: 'sessions.logout', resourceKind: 'session', resourceId: sessionId } as const;
    await this.#parts.users.deleteSession(sessionId, auditEvent(this.#parts, call, logout));
  }

  /**
   * Changes the caller's password, and revokes all of their sessions except the call's. Their API keys stay valid.
   *
   * @throws VaultError `permission_denied` for API keys of a workspace and for users without a password, `invalid_argument` for a
   *   wrong current password, with the reason `PASSWORD_WRONG`, and for a new one that is too short or too long, or
   *   `login_throttled`
   */
  async changePassword(call: Call, passwords: { readonly current: string; readonly next: string }): Promise<void> {
    const user = await this.#userOf(call);
    checkPassword('new_password', passwords.next);
    const attempt = await this.#parts.throttles.begin({ account: user.id, peer: call.peer });
    const { user: confirmed, holdMs } = await complete(attempt, () => this.#verify(user, passwords.current));
    if (!confirmed) {
      await this.#parts.audit.append(this.#passwordEvent(call, user, 'DENIED'));
      await this.#parts.wait(holdMs, call.signal);
      throw currentPasswordWrong();
    }
    const passwordHash = await this.#parts.hasher.hash(passwords.next);
    const isChanged = await this.#parts.users.changePassword({
      user: { ...user, passwordHash },
      formerHash: user.passwordHash,
      keepSession: call.caller.sessionId,
      event: this.#passwordEvent(call, user, 'OK'),
      eventOf: (revocation) => auditEvent(this.#parts, call, { ...revocation, workspaceId: null }),
    });
    if (!isChanged) throw currentPasswordWrong();
  }

  /** The user of the first password: one comparison, so that every password takes the same time. */
  async #userWithPassword(password: string, signal: AbortSignal): Promise<User | undefined> {
    const [user] = await this.#parts.users.findUsersWithPassword(signal);
    if (!user || user.passwordHash === null || isTooLong(password)) return undefined;
    return (await this.#parts.hasher.verify(password, user.passwordHash)) ? user : undefined;
  }

  async #find(text: string, signal: AbortSignal): Promise<User | undefined> {
    const reference = parseReference('user', text);
    const { users } = this.#parts;
    const user = reference ? await users.findUser(reference, signal) : await users.findUserByName(text, signal);
    return user?.deactivatedAt === null && isPassword(user.passwordHash) ? user : undefined;
  }

  async #verify(user: User | undefined, password: string): Promise<User | undefined> {
    const { hasher, tokens } = this.#parts;
    this.#decoy ??= await hasher.hash(tokens.newSessionToken().token);
    const matches = await hasher.verify(isTooLong(password) ? '' : password, user?.passwordHash ?? this.#decoy);
    return matches && !isTooLong(password) ? user : undefined;
  }

  async #refuseLogin(
    call: AnonymousCall,
    resource: Pick<AuditedAction, 'resourceKind' | 'resourceId'>,
    holdMs: number,
  ): Promise<never> {
    const failed = { action: 'sessions.login', outcome: 'DENIED', authentication: 'password' } as const;
    await this.#parts.audit.append(loginEvent(this.#parts, call, undefined, { ...failed, ...resource }));
    await this.#parts.wait(holdMs, call.signal);
    throw passwordWrong();
  }

  #passwordEvent(call: Call, { id }: User, outcome: AuditOutcome): AuditEvent {
    const resource = { workspaceId: null, resourceKind: 'user', resourceId: id } as const;
    return auditEvent(this.#parts, call, { action: 'users.change_password', outcome, ...resource });
  }

  async #isClosedFor({ caller, signal }: AnonymousCall): Promise<boolean> {
    if (!caller?.isOwner) return this.isSetUp();
    return (await this.#parts.users.findUsersWithPassword(signal)).length > 0;
  }

  async #owner(caller: Caller): Promise<User> {
    const owner = await this.#parts.users.findUser({ id: caller.userId });
    if (!owner) throw new VaultError('token_invalid', 'the user of this token no longer exists');
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

  async #userOf({ caller, signal }: Call): Promise<User & { readonly passwordHash: string }> {
    if (!isUser(caller)) throw new VaultError('permission_denied', 'only the user may change their password');
    const user = await this.#parts.users.findUser({ id: caller.userId }, signal);
    const { passwordHash } = user ?? {};
    if (!user || !isPassword(passwordHash)) throw new VaultError('permission_denied', 'this user has no password');
    return { ...user, passwordHash };
  }
}

/**
 * Runs the comparison of an attempt, and ends the attempt by its result.
 *
 * @throws VaultError `login_throttled` if the attempt is not allowed
 */
async function complete(
  attempt: LoginAttempt,
  compare: () => Promise<User | undefined>,
): Promise<{ readonly user: User | undefined; readonly holdMs: number }> {
  if (attempt.kind === 'throttled') throw loginThrottled(attempt);
  let user: User | undefined;
  try {
    user = await compare();
  } catch (error) {
    attempt.abandon();
    throw error;
  }
  if (!user) return { user, ...attempt.fail() };
  attempt.succeed();
  return { user, holdMs: 0 };
}

function ownerWith(owner: User, passwordHash: string): Omit<FirstPassword, 'event'> {
  return { user: { ...owner, passwordHash }, from: { formerHash: owner.passwordHash } };
}

/** An owner is authenticated by their key; any other caller is accepted for being on this machine. */
function setUpAuthentication({ caller }: AnonymousCall): AuditEvent['authentication'] {
  return caller?.isOwner ? caller.authentication : 'local';
}

/** A workspace's key acts for its issuer but is not the issuer; the personal key of an owner is. */
function isUser({ kind, isOwner, authentication }: Caller): boolean {
  return authentication === 'session' || (kind === 'api_key' && isOwner);
}

function alreadySetUp(): VaultError {
  return new VaultError('already_set_up', 'password already configured');
}

function setUpDenied(call: AnonymousCall): VaultError {
  return call.caller
    ? new VaultError('permission_denied', 'only an owner may set the first password')
    : new VaultError('token_missing', 'the admin API key is needed to set the first password from another machine');
}

function currentPasswordWrong(): VaultError {
  const details = { field: 'current_password', reason: 'PASSWORD_WRONG' };
  return new VaultError('invalid_argument', 'current_password is wrong', details);
}
