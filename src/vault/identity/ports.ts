import type { AuditEvent } from '../audit/audit-event.ts';
import type { Reference } from '../ids.ts';
import type { Keeping } from '../requests/ports.ts';
import type { Usage } from '../usage/usage-recorder.ts';
import type { ApiKey, Member, Membership, Session, UsedApiKey, User, UserAccess } from './identity.ts';

/** What the event of a revocation records: a key, a session or a password of a user. */
export interface Revocation {
  readonly action: 'api_keys.revoke' | 'sessions.logout' | 'users.withdraw_password';
  readonly resourceKind: 'api_key' | 'session' | 'user';
  readonly resourceId: string;
}

/** The user who gets the first password, with the event. */
export interface FirstPassword {
  /** The new state of the user, with the hash. */
  readonly user: User;
  /** The membership of a new user; for an existing one, the hash when the call was authenticated. */
  readonly from: { readonly membership: Membership } | { readonly formerHash: string | null };
  readonly event: AuditEvent;
}

/** A change of a password, with the sessions that it revokes. */
export interface PasswordChange {
  /** The new state of the user, with the new hash. */
  readonly user: User;
  /** The hash that the current password was compared with. */
  readonly formerHash: string;
  /** The only session of the user that stays valid. */
  readonly keepSession: string | null;
  readonly event: AuditEvent;
  /** Creates the events of the revoked sessions. */
  readonly eventOf: (revocation: Revocation) => AuditEvent;
}

/** The result of a deactivation. */
export type Deactivation =
  | { readonly kind: 'done'; readonly user: User }
  | { readonly kind: 'absent' }
  | {
      /** No other owner would remain. */
      readonly kind: 'last_owner';
    };

/** Stores users, their passwords and their sessions. Rows with an invalid MAC are treated as absent and logged. */
export interface UserStore {
  /** Whether any user has or had a password. */
  anyPassword(): Promise<boolean>;
  /** Users with a password that was not withdrawn, except those who log in by name; the oldest first. */
  findUsersWithPassword(signal: AbortSignal): Promise<readonly User[]>;
  findUser(reference: Reference, signal?: AbortSignal): Promise<User | undefined>;
  /** The first owner with a valid MAC, whose key `admin-key` replaces and whose default workspace is that of the instance. */
  findFirstOwner(): Promise<User | undefined>;
  /**
   * Adds a personal key and revokes all other authentication of its user in one transaction: the personal keys, the sessions and
   * the password, which gets another hash.
   *
   * @throws VaultError `not_found` if the user no longer exists
   */
  replaceAuthentication(replacement: {
    readonly apiKey: ApiKey;
    readonly revokedAt: Date;
    readonly passwordHash: string;
    readonly event: AuditEvent;
    /** Creates the events of the revocations. */
    readonly eventOf: (revocation: Revocation) => AuditEvent;
  }): Promise<void>;
  /**
   * Returns false if another call was faster. An existing user may get the first password that is not withdrawn, not counting
   * users who log in by name. A new user may get only the very first password, and none if the MAC of any user is invalid: a
   * password may have been removed from that row.
   */
  setFirstPassword(change: FirstPassword): Promise<boolean>;
  /** Adds a session, and revokes the oldest ones beyond `keep`. Returns false if the user's password has changed. */
  createSession(beginning: {
    readonly session: Session;
    /** The hash that the password was compared with. */
    readonly passwordHash: string | null;
    readonly keep: number;
    readonly event: AuditEvent;
    /** Creates the events of the revoked sessions. */
    readonly eventOf: (revocation: Revocation) => AuditEvent;
  }): Promise<boolean>;
  deleteSession(id: string, event: AuditEvent): Promise<void>;
  /**
   * Adds a user who logs in by name, and not by the login without a name.
   *
   * @throws VaultError `name_taken` if another user with a password has the name
   */
  createUser(user: User, event: AuditEvent, keeping?: Keeping<User>): Promise<void>;
  /** Finds an active user with a password; their names are unique. */
  findUserByName(name: string, signal: AbortSignal): Promise<User | undefined>;
  /** In the order of ids. A page is full unless it is the last one. */
  listUsers(request: {
    readonly after?: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly User[]>;
  /** Revokes the sessions and personal keys in the same transaction. A second deactivation keeps the first time. */
  deactivateUser(
    deactivation: {
      readonly userId: string;
      readonly deactivatedAt: Date;
      readonly event: AuditEvent;
      /** Creates the events of the revocations. */
      readonly eventOf: (revocation: Revocation) => AuditEvent;
    },
    keeping?: Keeping<Deactivation>,
  ): Promise<Deactivation>;
  /** Returns false if the password has changed in the meantime, or the user was deactivated. */
  changePassword(change: PasswordChange): Promise<boolean>;
}

/** Hashes login passwords slowly. */
export interface PasswordHasher {
  /** Returns a PHC string. @see https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md */
  hash(password: string): Promise<string>;
  verify(password: string, passwordHash: string): Promise<boolean>;
}

/** Creates tokens with the hashes by which they are looked up. */
export interface TokenSource {
  newApiKeyToken(): IssuedToken;
  newSessionToken(): IssuedToken;
}

/** Provides the hash and the prefix of a key that a certificate authenticates. */
export interface CertificateSource {
  /** @param name a result of `parseCertificateName` */
  ofCertificate(name: string): Omit<IssuedToken, 'token'> & { readonly token: null };
}

/** A new token, which is shown once. */
export interface IssuedToken {
  readonly token: string;
  /** SHA-256. */
  readonly hash: Uint8Array;
  readonly prefix: string;
}

/** Looks up keys and sessions for authentication. Rows with an invalid MAC are treated as absent and logged. */
export interface AccessStore {
  /** The key, and the access of its user. Of several keys of one certificate's name, a valid one if there is any. */
  findApiKey(
    hash: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly apiKey: ApiKey; readonly access: UserAccess } | undefined>;
  findSession(
    hash: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly session: Session; readonly access: UserAccess } | undefined>;
}

/** Stores the API keys of workspaces. */
export interface ApiKeyStore {
  /**
   * Adds a key, and its user if that does not exist yet.
   *
   * @throws VaultError `name_taken` if another valid key has the certificate's name
   */
  createApiKey(apiKey: ApiKey, event: AuditEvent, user?: User, keeping?: Keeping<ApiKey>): Promise<void>;
  findApiKeyById(workspaceId: string, id: string, signal: AbortSignal): Promise<UsedApiKey | undefined>;
  /**
   * In the order of ids. A page is full unless it is the last one: keys with an invalid MAC, and those that `shows` excludes, do not
   * count.
   */
  listApiKeys(request: {
    readonly workspaceId: string;
    readonly shows: (apiKey: ApiKey) => boolean;
    readonly after?: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly UsedApiKey[]>;
  /** Never moves a time backward, and ignores keys that no longer exist. */
  recordUses(uses: readonly Pick<Usage, 'id' | 'lastUsedAt'>[]): Promise<void>;
  /** Returns false if the key is absent. A second revocation keeps the first time. */
  revokeApiKey(
    revocation: {
      readonly workspaceId: string;
      readonly id: string;
      readonly revokedAt: Date;
      readonly event: AuditEvent;
    },
    keeping?: Keeping<boolean>,
  ): Promise<boolean>;
}

/** The result of a change of a membership. */
export type MemberChange =
  | {
      readonly kind: 'done';
      /** The membership as it was set, or as it was before its removal. */
      readonly membership: Membership;
    }
  | { readonly kind: 'absent' }
  | {
      /** No other member would be ADMIN. */
      readonly kind: 'last_admin';
    };

/** Stores the members of workspaces. Rows with an invalid MAC are treated as absent and logged. */
export interface MemberStore {
  findUser(reference: Reference, signal: AbortSignal): Promise<User | undefined>;
  /** Finds a member of a workspace by the user's id. */
  findMember(request: {
    readonly workspaceId: string;
    readonly reference: Reference;
    readonly signal: AbortSignal;
  }): Promise<Member | undefined>;
  /** Adds a membership, or replaces the user's present one, without a race with other changes. */
  setMember(membership: Membership, event: AuditEvent, keeping?: Keeping<MemberChange>): Promise<MemberChange>;
  removeMember(
    removal: {
      readonly workspaceId: string;
      readonly userId: string;
      readonly event: AuditEvent;
    },
    keeping?: Keeping<MemberChange>,
  ): Promise<MemberChange>;
  /** In the order of the users' ids. A page is full unless it is the last one. */
  listMembers(request: {
    readonly workspaceId: string;
    readonly after?: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly Member[]>;
}

/** What has changed: an API key, a session, a user or their memberships, a workspace; or `any` if that is not known. */
export type AccessChange =
  | { readonly kind: 'api_key' | 'session' | 'user' | 'workspace'; readonly id: string }
  /** The master key; the id is its fingerprint. */
  | { readonly kind: 'keyring'; readonly id: string }
  /** An owner has sealed all servers; the id is the number of that seal. */
  | { readonly kind: 'seal'; readonly id: string }
  | { readonly kind: 'any' };

/** Reports changes of access, by this process or any other. */
export interface AccessChanges {
  /** Whether all changes up to 0.9 s ago have been reported. If not, cached results must not be used. */
  isCurrent(): boolean;
  /**
   * @param notify must not throw
   * @returns a function that ends the subscription
   */
  subscribe(notify: (change: AccessChange) => void): () => void;
}

/** The MAC of a row that grants access. An attacker with write access to the database cannot compute it. */
export interface GrantMac {
  /** @param fields the row's granting columns in a fixed order; the name of the table separates domains */
  compute(table: string, fields: readonly (string | Uint8Array | null)[]): Uint8Array;
  /** Compares in constant time. */
  verify(table: string, fields: readonly (string | Uint8Array | null)[], mac: Uint8Array): boolean;
}
