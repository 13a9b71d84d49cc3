import type { KeyScope } from '../key-scope.ts';
import type { Role } from '../permissions.ts';

/** A person who may log in, or whose API keys make calls. */
export interface User {
  readonly id: string;
  readonly name: string;
  readonly isOwner: boolean;
  readonly defaultWorkspaceId: string;
  /** A PHC string; null if no password was ever set, and a `withdrawnPassword` if it was withdrawn. */
  readonly passwordHash: string | null;
  /** When the user was deactivated: since then, they can neither log in nor call. Null for an active user. */
  readonly deactivatedAt: Date | null;
  readonly createdAt: Date;
}

/** The membership of a user in a workspace, with its grant. */
export interface Membership {
  readonly workspaceId: string;
  readonly userId: string;
  readonly role: Role;
  readonly mayReveal: boolean;
}

/** An API key without its token. */
export interface ApiKey extends KeyScope {
  readonly id: string;
  /** The workspace that the key is valid in; for a personal key, the default workspace of its calls. */
  readonly workspaceId: string;
  /** The user who issued the key; the key acts for this user. */
  readonly userId: string;
  readonly name: string;
  /** SHA-256 of the token, or of the name in the certificate. */
  readonly hash: Uint8Array;
  /** The first characters of the token, for recognition; or the name in the certificate, such as `URI:spiffe://…`. */
  readonly prefix: string;
  /** Null for a personal key, which has the grants of its user. */
  readonly role: Role | null;
  readonly mayReveal: boolean;
  readonly dialect: string | null;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly createdAt: Date;
}

/** An API key with its last use, to about a second; null if it was never used. */
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

/** A user with all their memberships. */
export interface UserAccess {
  readonly user: User;
  readonly memberships: readonly Membership[];
}

/** A membership with the name of its user. */
export interface Member extends Membership {
  readonly name: string;
}

/** The greatest length of a name in characters: that of a SPIFFE ID. */
export const certificateNameCharactersMax = 2_048;

/** The accepted names of each kind, without commas, quotes and wildcards. */
const patterns = {
  URI: /^[A-Za-z][A-Za-z0-9+.-]*:[\x21\x23-\x26\x28-\x2b\x2d-\x5b\x5d-\x7e]+$/,
  DNS: /^(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*$/,
} as const;

/**
 * Parses a subject alternative name by which a key may be issued, `URI:spiffe://…` or `DNS:…`; undefined for any other text. Equal
 * names have equal results: names of hosts are in lower case.
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
