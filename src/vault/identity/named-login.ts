import { auditEvent, type AuditAction, type AuditOutcome, type AuditEvent } from '../audit/audit-event.ts';
import type { AnonymousCall, Call, Caller } from '../caller.ts';
import { VaultError } from '../errors.ts';
import { parseReference } from '../ids.ts';
import { loginThrottled, type LoginAttempt, type Guess, type LoginThrottles } from './login-throttle.ts';
import { checkPassword, isTooLong, isPassword } from './passwords.ts';
import type { AuditStore } from '../audit/ports.ts';
import type { PasswordHasher, Revocation, UserStore } from './ports.ts';
import type { User } from './identity.ts';
import { beginSession, loginEvent, passwordWrong, type BegunSession, type SessionParts } from './sessions.ts';

/** What logging in by name works with. */
export interface NamedLoginParts extends SessionParts {
  readonly users: UserStore;
  readonly audit: AuditStore;
  readonly hasher: PasswordHasher;
  readonly throttles: LoginThrottles;
  /** Resolves after so many milliseconds, or when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Who wants to log in, as he names himself: by his name, or by either spelling of his id. */
export interface LoginRequest {
  readonly user: string;
  readonly password: string;
}

/** Trades a user's password for sessions, and for another password. */
export class NamedLogin {
  readonly #parts: NamedLoginParts;
  /** Compared where there is no user, so that it takes the same time. */
  #decoy: string | undefined;

  constructor(parts: NamedLoginParts) {
    this.#parts = parts;
  }

  /**
   * Trades a password for a session token. Unknown users are refused as wrong passwords are.
   *
   * @throws VaultError `login_throttled` with the time to wait, before a password is compared; `password_wrong`, held back
   *   after repeated failures
   */
  async login(call: AnonymousCall, { user: text, password }: LoginRequest): Promise<BegunSession> {
    const user = await this.#find(text, call.signal);
    const guess = { account: user?.id ?? `unknown ${text}`, peer: call.peer };
    const { matches, holdMs } = await this.#compare(guess, user, password);
    if (user && matches) return beginSession(this.#parts, call, user);
    const resource = { resourceKind: 'user', resourceId: user?.id ?? null };
    const failed = { action: 'sessions.login', outcome: 'DENIED', ...resource, authentication: 'password' } as const;
    await this.#parts.audit.append(loginEvent(this.#parts, call, undefined, failed));
    await this.#parts.wait(holdMs, call.signal);
    throw passwordWrong();
  }

  /**
   * Gives a user another password, and ends all his sessions but the call's own. His API keys stay.
   *
   * @throws VaultError `permission_denied` for API keys of a workspace and for users without a password, `invalid_argument` for
   *   a wrong present password, with the reason `PASSWORD_WRONG`, and for a new one that is too short or too long, or
   *   `login_throttled`
   */
  async changePassword(call: Call, passwords: { readonly current: string; readonly next: string }): Promise<void> {
    const user = await this.#userOf(call);
    checkPassword('new_password', passwords.next);
    const guess = { account: user.id, peer: call.peer };
    const { matches, holdMs } = await this.#compare(guess, user, passwords.current);
    if (!matches) {
      await this.#parts.audit.append(this.#event(call, 'users.change_password', 'DENIED', user.id));
      await this.#parts.wait(holdMs, call.signal);
      throw currentPasswordWrong();
    }
    const passwordHash = await this.#parts.hasher.hash(passwords.next);
    const isChanged = await this.#parts.users.changePassword({
      user: { ...user, passwordHash },
      formerHash: user.passwordHash,
      keepSession: call.caller.sessionId,
      event: this.#event(call, 'users.change_password', 'OK', user.id),
      eventOf: (revocation) => this.#revocationEvent(call, revocation),
    });
    if (!isChanged) throw currentPasswordWrong();
  }

  async #find(text: string, signal: AbortSignal): Promise<User | undefined> {
    const reference = parseReference('user', text);
    const { users } = this.#parts;
    const user = reference ? await users.findUser(reference, signal) : await users.findUserByName(text, signal);
    return user?.deactivatedAt === null && isPassword(user.passwordHash) ? user : undefined;
  }

  async #compare(
    guess: Guess,
    user: User | undefined,
    password: string,
  ): Promise<{ readonly matches: boolean; readonly holdMs: number }> {
    const attempt = await this.#parts.throttles.begin(guess);
    if (attempt.kind === 'throttled') throw loginThrottled(attempt);
    if (!(await this.#verify(attempt, user, password))) return { matches: false, ...attempt.fail() };
    attempt.succeed();
    return { matches: true, holdMs: 0 };
  }

  async #verify(attempt: Allowed, user: User | undefined, password: string): Promise<boolean> {
    const { hasher, tokens } = this.#parts;
    try {
      this.#decoy ??= await hasher.hash(tokens.newSessionToken().token);
      const isRight = await hasher.verify(isTooLong(password) ? '' : password, user?.passwordHash ?? this.#decoy);
      return isRight && user !== undefined && !isTooLong(password);
    } catch (error) {
      attempt.abandon();
      throw error;
    }
  }

  async #userOf({ caller, signal }: Call): Promise<User & { readonly passwordHash: string }> {
    if (!isUserHimself(caller))
      throw new VaultError('permission_denied', 'only a user himself may change his password');
    const user = await this.#parts.users.findUser({ id: caller.userId }, signal);
    const { passwordHash } = user ?? {};
    if (!user || !isPassword(passwordHash)) throw new VaultError('permission_denied', 'this user has no password');
    return { ...user, passwordHash };
  }

  #revocationEvent(call: Call, { action, resourceKind, resourceId }: Revocation): AuditEvent {
    return auditEvent(this.#parts, call, { action, workspaceId: null, resourceKind, resourceId });
  }

  #event(call: Call, action: AuditAction, outcome: AuditOutcome, resourceId: string): AuditEvent {
    return auditEvent(this.#parts, call, { action, outcome, workspaceId: null, resourceKind: 'user', resourceId });
  }
}

type Allowed = Extract<LoginAttempt, { readonly kind: 'allowed' }>;

/** A key of a workspace acts in the name of its issuer, but is not he; an owner's own key is. */
function isUserHimself({ kind, isOwner, authentication }: Caller): boolean {
  return authentication === 'session' || (kind === 'api_key' && isOwner);
}

function currentPasswordWrong(): VaultError {
  const details = { field: 'current_password', reason: 'PASSWORD_WRONG' };
  return new VaultError('invalid_argument', 'current_password is wrong', details);
}
