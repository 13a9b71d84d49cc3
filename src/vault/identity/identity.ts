import type { KeyScope } from '../key-scope.ts';
import type { Role } from '../permissions.ts';

/** A person who may log in, or in whose name API keys act. */
export interface User {
  readonly id: string;
  readonly name: string;
  readonly isOwner: boolean;
  readonly defaultWorkspaceId: string;
  /** In PHC string format; null where no password was ever set, and a `withdrawnPassword` where it was withdrawn. */
  readonly passwordHash: string | null;
  /** From when on he neither logs in nor calls; null while he may. */
  readonly deactivatedAt: Date | null;
  readonly createdAt: Date;
}

/** That a user belongs to a workspace, and what he may do there. */
export interface Membership {
  readonly workspaceId: string;
  readonly userId: string;
  readonly role: Role;
  readonly mayReveal: boolean;
}

/** An API key without its token. */
export interface ApiKey extends KeyScope {
  readonly id: string;
  /** Where it is valid; for a personal key, where its calls go by default. */
  readonly workspaceId: string;
  /** Who issued it, and in whose name it acts. */
  readonly userId: string;
  readonly name: string;
  /** SHA-256 of the token, or of the name in the certificate that proves it. */
  readonly hash: Uint8Array;
  /** The first characters of the token, for recognising it; or that name, such as `URI:spiffe://…`. */
  readonly prefix: string;
  /** Null for a personal key, which may do what its user may. */
  readonly role: Role | null;
  readonly mayReveal: boolean;
  readonly dialect: string | null;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly createdAt: Date;
}

/** An API key, and when it last proved a caller, to about a second; null while it never has. */
export interface UsedApiKey extends ApiKey {
  readonly lastUsedAt: Date | null;
}

/** A login session without its token. */
export interface Session {
  readonly id: string;
  readonly userId: string;
  /** SHA-256 of the token. */
  readonly hash: Uint8Array;
  readonly expiresAt: Date;
  readonly createdAt: Date;
}

/** A user with all that he may do. */
export interface UserAccess {
  readonly user: User;
  readonly memberships: readonly Membership[];
}

/** A membership with the name of its user. */
export interface Member extends Membership {
  readonly name: string;
}

/** The longest name, in characters: that of a SPIFFE ID. */
export const certificateNameCharactersMax = 2_048;

/** Each kind of name with what it may look like. Commas, quotes and wildcards have no place in the name of one caller. */
const patterns = {
  URI: /^[A-Za-z][A-Za-z0-9+.-]*:[\x21\x23-\x26\x28-\x2b\x2d-\x5b\x5d-\x7e]+$/,
  DNS: /^(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*$/,
} as const;

/**
 * Reads a subject alternative name that a certificate's holder may be known by, `URI:spiffe://…` or `DNS:…`; anything else is
 * undefined. Equal names are spelt alike: those of hosts in lower case.
 *
 * @see https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6
 */
export function parseCertificateName(text: string): string | undefined {
  if (text.length > certificateNameCharactersMax) return undefined;
  const value = text.slice('URI:'.length);
  if (text.startsWith('URI:') && patterns.URI.test(value)) return text;
  if (text.startsWith('DNS:') && patterns.DNS.test(value)) return text.toLowerCase().replace('dns:', 'DNS:');
  return undefined;
}
