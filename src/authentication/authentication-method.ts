import type { X509Certificate } from 'node:crypto';
import type { Caller } from '../vault/caller.ts';
import { VaultError } from '../vault/errors.ts';
import type { AccessStore } from '../vault/identity/ports.ts';
import type { Clock } from '../vault/time.ts';
import type { UserAccess } from '../vault/identity/identity.ts';
import type { OidcAccess } from './oidc/oidc-access.ts';

/** What proving works with. */
export interface AuthenticationParts {
  readonly store: AccessStore;
  readonly clock: Clock;
  /** Undefined where no issuer is configured, whose tokens then prove nobody. */
  readonly oidc?: OidcAccess | undefined;
}

/** One way to prove oneself by a token. */
export interface AuthenticationMethod {
  /** Tells by its form alone whether a token is of this kind. */
  readonly accepts: (token: string) => boolean;
  /** @throws VaultError `token_invalid` or `token_expired`, or `unavailable` where it can't be told */
  readonly authenticate: (token: string, parts: AuthenticationParts, signal: AbortSignal) => Promise<Caller>;
}

/**
 * A way to prove oneself by the certificate of one's connection, which the handshake has verified.
 *
 * @returns undefined where none of its names is anybody's
 * @throws VaultError `token_invalid` or `token_expired`
 */
export type CertificateMethod = (
  certificate: X509Certificate,
  parts: AuthenticationParts,
  signal: AbortSignal,
) => Promise<Caller | undefined>;

/**
 * Refuses what has come to its end; it is over at the very moment of its expiry.
 *
 * @throws VaultError `token_expired`
 */
export function checkExpiry(expiresAt: Date | null, clock: Clock): void {
  if (expiresAt !== null && expiresAt <= clock.now()) throw new VaultError('token_expired', 'Token expired');
}

/**
 * What a caller has who may do all that a user may.
 *
 * @throws VaultError `token_invalid` where the user was deactivated
 */
export function accessOfUser(access: UserAccess): Pick<Caller, 'userId' | 'isOwner' | 'grants'> {
  const { user, memberships } = access;
  if (user.deactivatedAt !== null) throw new VaultError('token_invalid', 'the user of this token was deactivated');
  const grants = memberships.map(({ workspaceId, role, mayReveal }) => ({ workspaceId, role, mayReveal }));
  return { userId: user.id, isOwner: user.isOwner, grants };
}
