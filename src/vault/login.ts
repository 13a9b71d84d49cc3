import type { AuditAction, AuditEvent, AuditOutcome } from './audit-event.ts';
import { auditEvent } from './audit-event.ts';
import type { AnonymousCall, Call, Caller } from './caller.ts';
import { invalidArgument, VaultError } from './errors.ts';
import type { LoginThrottle } from './login-throttle.ts';
import type {
  AuditStore,
  Clock,
  FirstPassword,
  IdSource,
  PasswordHasher,
  TokenSource,
  User,
  UserStore,
} from './ports.ts';

/** How long a session lasts, from its login; using it does not lengthen it. */
export const sessionLifetimeMs = 4 * 60 * 60 * 1_000;
/** How many sessions a user may have; the oldest ends when another begins. */
export const sessionsPerUser = 5;
const passwordCharactersMin = 8;
/** Argon2id takes any length; this bounds what one request can make it chew. */
const passwordCharactersMax = 1_024;

/** The part of the user store that logging in needs. */
export type LoginUsers = Omit<UserStore, 'anyOwner' | 'createFirstOwner' | 'replaceProofs'>;

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
    checkPassword(password);
    // Found before the hash is computed: what is withdrawn meanwhile stays so.
    const owner = call.caller?.isOwner ? await this.#owner(call.caller) : undefined;
    const passwordHash = await this.#parts.hasher.hash(password);
    const first = owner ? ownerWith(owner, passwordHash) : await this.#newEditor(passwordHash);
    const { user } = first;
    const event = this.#event(call, user, {
      action: 'users.set_up',
      outcome: 'OK',
      resourceKind: 'user',
      resourceId: user.id,
    });
    if (!(await this.#parts.users.setFirstPassword({ ...first, event }))) throw alreadySetUp();
  }

  /**
   * Trades the password for a session token.
   *
   * @throws VaultError `login_throttled` with the time to wait, before anything is computed; `password_wrong`, held back
   *   after repeated failures
   */
  async login(call: AnonymousCall, password: string): Promise<{ readonly token: string; readonly expiresAt: Date }> {
    const attempt = await this.#parts.throttle.begin();
    if (attempt.kind === 'throttled') {
      throw new VaultError('login_throttled', 'too many failed login attempts', { retryAfterMs: attempt.retryAfterMs });
    }
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
    return this.#startSession(call, user);
  }

  /** Ends the caller's session; for an API key there is none to end. */
  async logout(call: Call): Promise<void> {
    if (call.caller.sessionId === null) return;
    const { clock, ids, users } = this.#parts;
    const resource = { resourceKind: 'session', resourceId: call.caller.sessionId };
    const deed = { id: ids.next(), time: clock.now(), action: 'sessions.logout', outcome: 'OK', ...resource } as const;
    await users.deleteSession(call.caller.sessionId, auditEvent(call, deed));
  }

  /** The one who set the first password; comparing against one user costs the same whatever was sent. */
  async #userWithPassword(password: string, signal: AbortSignal): Promise<User | undefined> {
    const [user] = await this.#parts.users.findUsersWithPassword(signal);
    if (!user || user.passwordHash === null || characters(password) > passwordCharactersMax) return undefined;
    return (await this.#parts.hasher.verify(password, user.passwordHash)) ? user : undefined;
  }

  async #refuse(call: AnonymousCall, holdMs: number): Promise<void> {
    const failed = { action: 'sessions.login', outcome: 'DENIED', resourceKind: 'session', resourceId: null } as const;
    await this.#parts.audit.append(this.#event(call, undefined, failed));
    await this.#parts.wait(holdMs, call.signal);
  }

  async #startSession(call: AnonymousCall, user: User): Promise<{ readonly token: string; readonly expiresAt: Date }> {
    const { clock, ids, tokens, users } = this.#parts;
    const { token, hash } = tokens.newSessionToken();
    const createdAt = clock.now();
    const expiresAt = new Date(createdAt.getTime() + sessionLifetimeMs);
    const session = { id: ids.next(), userId: user.id, hash, expiresAt, createdAt };
    const deed = { action: 'sessions.login', outcome: 'OK', resourceKind: 'session', resourceId: session.id } as const;
    const { passwordHash } = user;
    const beginning = { session, passwordHash, keep: sessionsPerUser, event: this.#event(call, user, deed) };
    if (!(await users.createSession(beginning))) throw passwordWrong();
    return { token, expiresAt };
  }

  async #isOverFor({ caller, signal }: AnonymousCall): Promise<boolean> {
    if (!caller?.isOwner) return this.isSetUp();
    return (await this.#parts.users.findUsersWithPassword(signal)).length > 0;
  }

  async #owner(caller: Caller): Promise<User> {
    const owner = await this.#parts.users.findUser(caller.userId);
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
      user: { id, name: 'dashboard', isOwner: false, defaultWorkspaceId, passwordHash, createdAt },
      from: { membership: { workspaceId: defaultWorkspaceId, userId: id, role: 'EDITOR', mayReveal: false } },
    };
  }

  #event(
    call: AnonymousCall,
    user: User | undefined,
    deed: { action: AuditAction; outcome: AuditOutcome; resourceKind: string; resourceId: string | null },
  ): AuditEvent {
    return {
      ...deed,
      id: this.#parts.ids.next(),
      time: this.#parts.clock.now(),
      workspaceId: user?.defaultWorkspaceId ?? null,
      actorKind: user ? 'user' : 'anonymous',
      actorId: user?.id ?? null,
      actorName: user?.name ?? '',
      authentication: deed.action === 'users.set_up' ? proofForSetUp(call) : 'password',
      protocol: call.protocol,
      dialect: call.dialect,
      peer: call.peer,
      requestId: call.requestId,
    };
  }
}

function ownerWith(owner: User, passwordHash: string): Omit<FirstPassword, 'event'> {
  return { user: { ...owner, passwordHash }, from: { formerHash: owner.passwordHash } };
}

function checkPassword(password: string): void {
  const length = characters(password);
  if (length < passwordCharactersMin) {
    throw invalidArgument('password', `must be at least ${passwordCharactersMin} characters`);
  }
  if (length > passwordCharactersMax) {
    throw invalidArgument('password', `must be at most ${passwordCharactersMax} characters`);
  }
}

/** Counts code points, so that setting a password and logging in with it agree on its length. */
function characters(text: string): number {
  return Array.from(text).length;
}

function passwordWrong(): VaultError {
  return new VaultError('password_wrong', 'invalid password');
}

function alreadySetUp(): VaultError {
  return new VaultError('already_set_up', 'password already configured');
}

/** An owner is let in by his key; anybody else, with whatever key, by being on this machine. */
function proofForSetUp({ caller }: AnonymousCall): AuditEvent['authentication'] {
  return caller?.isOwner ? caller.authentication : 'local';
}

function setUpDenied(call: AnonymousCall): VaultError {
  return call.caller
    ? new VaultError('permission_denied', 'only an owner may set the first password')
    : new VaultError('token_missing', 'the admin API key is needed to set the first password from another machine');
}
