import type { AuditEvent } from '../audit-event.ts';
import type { ApiKey, Membership, Session, User, Workspace } from './access.ts';
import type { WrappedWorkspaceKey } from './keys.ts';

/** The end of something that proved a user. */
export interface ProofEnding {
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

/** Keeps users, their passwords and their sessions. */
export interface UserStore {
  /** Whether any user has, or had, a password. */
  anyPassword(): Promise<boolean>;
  /** All who have a password that was not withdrawn, but for those who log in by their names; the oldest first. */
  findUsersWithPassword(signal: AbortSignal): Promise<readonly User[]>;
  findUser(id: string): Promise<User | undefined>;
  /** Whether an owner of the instance exists. */
  anyOwner(): Promise<boolean>;
  /** The first owner whose MAC holds: it is his key that is replaced, and his default workspace that is the instance's. */
  findFirstOwner(): Promise<User | undefined>;
  /** The first workspace, its key, the first owner, his membership and his personal API key, in one transaction. */
  createFirstOwner(creation: {
    readonly workspace: Workspace;
    readonly key: WrappedWorkspaceKey;
    readonly owner: User;
    readonly membership: Membership;
    readonly apiKey: ApiKey;
    readonly event: AuditEvent;
  }): Promise<void>;
  /**
   * Adds a personal key in place of all that proved its user before, in one transaction: his personal keys are revoked, his
   * sessions end, and he gets another password hash.
   *
   * @throws VaultError `not_found` where the user is gone
   */
  replaceProofs(replacement: {
    readonly apiKey: ApiKey;
    readonly revokedAt: Date;
    readonly passwordHash: string;
    readonly event: AuditEvent;
    /** Makes the events of what ends by that. */
    readonly eventOf: (ending: ProofEnding) => AuditEvent;
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
    readonly eventOf: (ending: ProofEnding) => AuditEvent;
  }): Promise<boolean>;
  deleteSession(id: string, event: AuditEvent): Promise<void>;
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
