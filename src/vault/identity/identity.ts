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
