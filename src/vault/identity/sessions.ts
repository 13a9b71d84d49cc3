import type { AuditEvent } from '../audit/audit-event.ts';
import type { AnonymousCall } from '../caller.ts';
import { VaultError } from '../errors.ts';
import type { Clock } from '../time.ts';
import type { IdSource } from '../ids.ts';
import type { Revocation, TokenSource, UserStore } from './ports.ts';
import type { User } from './identity.ts';

/** How long a session lasts after its login; use does not extend it. */
const sessionLifetimeMs = 4 * 60 * 60 * 1_000;
/** The most sessions of a user; a new one ends the oldest. */
const sessionsPerUser = 5;

/** The result of a login. The store keeps only a hash of the token. */
export interface BegunSession {
  readonly token: string;
  readonly expiresAt: Date;
}

export interface SessionParts {
  readonly users: Pick<UserStore, 'createSession'>;
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly ids: IdSource;
}

/** What the event of a login records besides the call and the user. */
export type LoginEvent = Pick<AuditEvent, 'action' | 'outcome' | 'resourceKind' | 'resourceId' | 'authentication'>;

/**
 * Starts a session of a user whose password was right.
 *
 * @throws VaultError `password_wrong` if the password has changed in the meantime
 */
export async function beginSession(parts: SessionParts, call: AnonymousCall, user: User): Promise<BegunSession> {
  const { clock, ids, tokens, users } = parts;
  const { token, hash } = tokens.newSessionToken();
  const createdAt = clock.now();
  const expiresAt = new Date(createdAt.getTime() + sessionLifetimeMs);
  const session = { id: ids.next(), userId: user.id, hash, expiresAt, createdAt };
  const login = { action: 'sessions.login', outcome: 'OK', resourceKind: 'session', resourceId: session.id } as const;
  const event = loginEvent(parts, call, user, { ...login, authentication: 'password' });
  const eventOf = (revocation: Revocation) =>
    loginEvent(parts, call, user, { ...revocation, outcome: 'OK', authentication: 'password' });
  const { passwordHash } = user;
  const isBegun = await users.createSession({ session, passwordHash, keep: sessionsPerUser, event, eventOf });
  if (!isBegun) throw passwordWrong();
  return { token, expiresAt };
}

/** Creates the event of a call that logs in; without a user if it failed. */
export function loginEvent(
  { clock, ids }: Pick<SessionParts, 'clock' | 'ids'>,
  { protocol, dialect, peer, requestId }: AnonymousCall,
  user: User | undefined,
  recorded: LoginEvent,
): AuditEvent {
  return {
    ...recorded,
    id: ids.next(),
    time: clock.now(),
    workspaceId: user?.defaultWorkspaceId ?? null,
    actorKind: user ? 'user' : 'anonymous',
    actorId: user?.id ?? null,
    actorName: user?.name ?? '',
    protocol,
    dialect,
    peer,
    requestId,
  };
}

/** The refusal of a login, for every cause. */
export function passwordWrong(): VaultError {
  return new VaultError('password_wrong', 'invalid password');
}
