import type { X509Certificate } from 'node:crypto';
import type { Caller } from '../vault/caller.ts';
import { VaultError } from '../vault/errors.ts';
import type { AccessStore } from '../vault/identity/ports.ts';
import type { Clock } from '../vault/time.ts';
import type { UserAccess } from '../vault/identity/identity.ts';
import type { OidcAccess } from './oidc/oidc-access.ts';

export interface AuthenticationParts {
  readonly store: AccessStore;
  readonly clock: Clock;
  /** Undefined without a configured token issuer: then no JWT is valid. */
  readonly oidc?: OidcAccess | undefined;
}

/** Authenticates callers by one kind of token. */
export interface AuthenticationMethod {
  /** Whether a token is of this kind, by its form only. */
  readonly accepts: (token: string) => boolean;
  /** @throws VaultError `token_invalid` or `token_expired`, or `unavailable` if authentication is not possible now */
  readonly authenticate: (token: string, parts: AuthenticationParts, signal: AbortSignal) => Promise<Caller>;
}

/**
 * Authenticates callers by the client certificate that the TLS handshake has verified.
 *
 * @returns undefined if none of its names belongs to a caller
 * @throws VaultError `token_invalid` or `token_expired`
 */
export type CertificateMethod = (
  certificate: X509Certificate,
  parts: AuthenticationParts,
  signal: AbortSignal,
) => Promise<Caller | undefined>;

/**
 * Rejects an expired key or session; the time of expiry itself is too late.
 *
 * @throws VaultError `token_expired`
 */
export function checkExpiry(expiresAt: Date | null, clock: Clock): void {
  if (expiresAt !== null && expiresAt <= clock.now()) throw new VaultError('token_expired', 'Token expired');
}

/**
 * The access of a caller who may do everything that the user may.
 *
 * @throws VaultError `token_invalid` if the user is deactivated
 */
export function accessOfUser(access: UserAccess): Pick<Caller, 'userId' | 'isOwner' | 'grants'> {
  const { user, memberships } = access;
  if (user.deactivatedAt !== null) throw new VaultError('token_invalid', 'the user of this token was deactivated');
  const grants = memberships.map(({ workspaceId, role, mayReveal }) => ({ workspaceId, role, mayReveal }));
  return { userId: user.id, isOwner: user.isOwner, grants };
}
