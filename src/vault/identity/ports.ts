import type { AuditEvent } from '../audit/audit-event.ts';
import type { Reference } from '../ids.ts';
import type { Membership, User, ApiKey, Session, Member, UsedApiKey, UserAccess } from './identity.ts';
import type { Usage } from '../usage/usage-recorder.ts';

/** The end of something that proved a user. */
export interface Revocation {
  readonly action: 'api_keys.revoke' | 'sessions.logout' | 'users.withdraw_password';
  readonly resourceKind: 'api_key' | 'session' | 'user';
  readonly resourceId: string;
}

/** Who gets the first password, and the event that tells of it. */
export interface FirstPassword {
  /** As he is to be, with the hash. */
  readonly user: User;
  /** Of a new user; for an existing one, what his hash was when he was let in. */
  readonly from: { readonly membership: Membership } | { readonly formerHash: string | null };
  readonly event: AuditEvent;
}

/** A new password, and what ends by it. */
export interface PasswordChange {
  /** As he is to be, with the new hash. */
  readonly user: User;
  /** What his hash was when the present password was compared. */
  readonly formerHash: string;
  /** Stays, of all his sessions. */
  readonly keepSession: string | null;
  readonly event: AuditEvent;
  /** Makes the events of the sessions that end. */
  readonly eventOf: (revocation: Revocation) => AuditEvent;
}

/** What came of deactivating a user: it is durable as it is told here, or why nothing was changed. */
export type Deactivation =
  | { readonly kind: 'done'; readonly user: User }
  | { readonly kind: 'absent' }
  | {
      /** No other owner would have been left. */
      readonly kind: 'last_owner';
    };

/** Keeps users, their passwords and their sessions. Rows whose MAC is wrong are treated as absent, and reported to the log. */
export interface UserStore {
  /** Whether any user has, or had, a password. */
  anyPassword(): Promise<boolean>;
  /** All who have a password that was not withdrawn, but for those who log in by their names; the oldest first. */
  findUsersWithPassword(signal: AbortSignal): Promise<readonly User[]>;
  findUser(reference: Reference, signal?: AbortSignal): Promise<User | undefined>;
  /** The first owner whose MAC holds: it is his key that is replaced, and his default workspace that is the instance's. */
  findFirstOwner(): Promise<User | undefined>;
  /**
   * Adds a personal key in place of all that proved its user before, in one transaction: his personal keys are revoked, his
   * sessions end, and he gets another password hash.
   *
   * @throws VaultError `not_found` where the user is gone
   */
  replaceAuthentication(replacement: {
    readonly apiKey: ApiKey;
    readonly revokedAt: Date;
    readonly passwordHash: string;
    readonly event: AuditEvent;
    /** Makes the events of what ends by that. */
    readonly eventOf: (revocation: Revocation) => AuditEvent;
  }): Promise<void>;
  /**
   * Answers false where it comes too late, free of races. An existing user may have the first password that is not withdrawn,
   * those aside who log in by their names; a new one only the very first, and none where the MAC of any user is wrong, since a
   * password may have been taken away.
   */
  setFirstPassword(change: FirstPassword): Promise<boolean>;
  /** Adds a session, and ends the oldest ones beyond `keep`. Answers false where the user's password is another by now. */
  createSession(beginning: {
    readonly session: Session;
    /** The user's, when he was let in. */
    readonly passwordHash: string | null;
    readonly keep: number;
    readonly event: AuditEvent;
    /** Makes the events of the sessions that end by that. */
    readonly eventOf: (revocation: Revocation) => AuditEvent;
  }): Promise<boolean>;
  deleteSession(id: string, event: AuditEvent): Promise<void>;
  /**
   * Adds a user who logs in by his name, and is not the one whom a login without a name means.
   *
   * @throws VaultError `name_taken` where another user who has a password has the name
   */
  createUser(user: User, event: AuditEvent): Promise<void>;
  /** Of those who have a password and were not deactivated; their names are unique. */
  findUserByName(name: string, signal: AbortSignal): Promise<User | undefined>;
  /** In the order of ids. A page is full unless it is the last one. */
  listUsers(request: {
    readonly after?: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly User[]>;
  /** Ends his sessions and personal keys in the same transaction. Doing it once more keeps the first time. */
  deactivateUser(deactivation: {
    readonly userId: string;
    readonly deactivatedAt: Date;
    readonly event: AuditEvent;
    /** Makes the events of what ends by that. */
    readonly eventOf: (revocation: Revocation) => AuditEvent;
  }): Promise<Deactivation>;
  /** Answers false where the user has another password by now, or was deactivated. */
  changePassword(change: PasswordChange): Promise<boolean>;
}

/** Hashes login passwords slowly. */
export interface PasswordHasher {
  /** In PHC string format. @see https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md */
  hash(password: string): Promise<string>;
  verify(password: string, passwordHash: string): Promise<boolean>;
}

/** Makes tokens, and the hashes they are looked up by. */
export interface TokenSource {
  newApiKeyToken(): IssuedToken;
  newSessionToken(): IssuedToken;
}

/** Gives what stands in a token's place where a certificate proves a key. */
export interface CertificateSource {
  /** @param name as `parseCertificateName` spells it */
  ofCertificate(name: string): Omit<IssuedToken, 'token'> & { readonly token: null };
}

/** A fresh token, shown once. */
export interface IssuedToken {
  readonly token: string;
  /** SHA-256. */
  readonly hash: Uint8Array;
  readonly prefix: string;
}

/**
 * Finds by what proves a caller. Rows whose MAC is wrong are treated as absent, and reported to the log.
 */
export interface AccessStore {
  /** The key, and the access of the user in whose name it acts. Of several, a living one; only certificates' names recur. */
  findApiKey(
    hash: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly apiKey: ApiKey; readonly access: UserAccess } | undefined>;
  findSession(
    hash: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly session: Session; readonly access: UserAccess } | undefined>;
}

/** Keeps the API keys that workspaces issue. */
export interface ApiKeyStore {
  /**
   * `user` is added where he does not exist yet: the one in whose name the key acts.
   *
   * @throws VaultError `name_taken` where another living key has the name in its certificate
   */
  createApiKey(apiKey: ApiKey, event: AuditEvent, user?: User): Promise<void>;
  findApiKeyById(workspaceId: string, id: string, signal: AbortSignal): Promise<UsedApiKey | undefined>;
  /**
   * In the order of ids. A page is full unless it is the last one: keys whose MAC is wrong, and those that are not to be
   * shown, take no place on it.
   */
  listApiKeys(request: {
    readonly workspaceId: string;
    readonly shows: (apiKey: ApiKey) => boolean;
    readonly after?: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly UsedApiKey[]>;
  /** Only moves times forward, and takes no heed of keys that are gone. */
  recordUses(uses: readonly Pick<Usage, 'id' | 'lastUsedAt'>[]): Promise<void>;
  /** Answers false where it is absent; revoking once more keeps the first time. */
  revokeApiKey(revocation: {
    readonly workspaceId: string;
    readonly id: string;
    readonly revokedAt: Date;
    readonly event: AuditEvent;
  }): Promise<boolean>;
}

/** What came of a change of a membership: it is durable as it is told here, or why nothing was changed. */
export type MemberChange =
  | {
      readonly kind: 'done';
      /** As it was set, or as it was until it was removed. */
      readonly membership: Membership;
    }
  | { readonly kind: 'absent' }
  | {
      /** Nobody else among the members would have been ADMIN. */
      readonly kind: 'last_admin';
    };

/** Keeps who the members of workspaces are. Rows whose MAC is wrong are treated as absent, and reported to the log. */
export interface MemberStore {
  findUser(reference: Reference, signal: AbortSignal): Promise<User | undefined>;
  /** Finds a member of a workspace by the id of his user. */
  findMember(request: {
    readonly workspaceId: string;
    readonly reference: Reference;
    readonly signal: AbortSignal;
  }): Promise<Member | undefined>;
  /** Adds a membership, or puts it in the place of the one that the user has. Free of races with other changes. */
  setMember(membership: Membership, event: AuditEvent): Promise<MemberChange>;
  removeMember(removal: {
    readonly workspaceId: string;
    readonly userId: string;
    readonly event: AuditEvent;
  }): Promise<MemberChange>;
  /** In the order of the users' ids. A page is full unless it is the last one. */
  listMembers(request: {
    readonly workspaceId: string;
    readonly after?: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly Member[]>;
}

/** What was changed: an API key, a session, a user or his memberships, a workspace; or anything, where that is not known. */
export type AccessChange =
  { readonly kind: 'api_key' | 'session' | 'user' | 'workspace'; readonly id: string } | { readonly kind: 'any' };

/** Tells of changes of what grants something, whoever makes them. */
export interface AccessChanges {
  /**
   * Whether all changes have been told that were made up to 0.9 s ago. Where it answers no, what was found before
   * proves nothing.
   */
  isCurrent(): boolean;
  /**
   * @param told must not throw
   * @returns what ends the subscription
   */
  subscribe(told: (change: AccessChange) => void): () => void;
}

/** The MAC over a row that grants something, so that a writer of the database can't grant himself anything. */
export interface GrantMac {
  /** @param fields the row's granting columns in a fixed order; the table's name separates the domains */
  compute(table: string, fields: readonly (string | Uint8Array | null)[]): Uint8Array;
  /** Compares in constant time. */
  verify(table: string, fields: readonly (string | Uint8Array | null)[], mac: Uint8Array): boolean;
}
