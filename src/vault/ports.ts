import type { AuditEvent } from './audit-event.ts';
import type { Credential, CredentialState, SealedVersion } from './credential.ts';
import type { VaultError } from './errors.ts';
import type { Reference } from './ids.ts';
import type { Narrowing } from './narrowing.ts';
import type { Role } from './permissions.ts';
import type { Secret } from './secret.ts';

/** Tells the time. */
export interface Clock {
  now(): Date;
}

/** Makes UUIDv7 ids, in rising order within a process. */
export interface IdSource {
  next(): string;
}

/** Where a sealed secret belongs; the record key is derived from it, so that bytes open in their own place alone. */
export interface RecordIdentity {
  readonly workspaceId: string;
  readonly credentialId: string;
  readonly version: number;
}

/** Seals and opens the secrets of one workspace; its keys are loaded, so that both are synchronous. */
export interface WorkspaceSealer {
  /** Seals with the workspace's current key. */
  seal(identity: RecordIdentity, secret: Secret): { readonly sealed: Uint8Array; readonly keyId: Uint8Array };
  /** @throws VaultError `secret_unreadable`, whose cause tells the operator a wrong key from tampered bytes */
  open(identity: RecordIdentity, sealed: Uint8Array): Secret;
}

/** Gives the sealer of a workspace. */
export interface SealerSource {
  sealerOf(workspaceId: string): Promise<WorkspaceSealer>;
  /** Makes the first key of a workspace that is about to be created, wrapped for storing. */
  newWorkspaceKey(workspaceId: string): WrappedWorkspaceKey;
}

/** A workspace key as it is stored. */
export interface WrappedWorkspaceKey {
  readonly workspaceId: string;
  /** 8 bytes. */
  readonly keyId: Uint8Array;
  /** 73 bytes: format version, nonce and secretbox. */
  readonly wrapped: Uint8Array;
  /** Of the master key that wrapped it. */
  readonly masterFingerprint: string;
  readonly createdAt: Date;
}

/** The instance's own keys as they are stored: one row. */
export interface StoredKeyring {
  /** UUID of the instance; every derivation from the master key names it. */
  readonly instanceId: string;
  /** How the master key is had: from a password, or as 32 bytes. */
  readonly derivation: 'argon2id' | 'key';
  /** 16 bytes for `argon2id`, none for `key`. */
  readonly salt: Uint8Array;
  readonly masterFingerprint: string;
  /** A known text, sealed with the master key. */
  readonly canary: Uint8Array;
  /** The random keys of the instance, wrapped. */
  readonly wrappedKeys: Uint8Array;
  readonly createdAt: Date;
}

/** Keeps the instance's keyring and the workspaces' wrapped keys. */
export interface KeyStore {
  findKeyring(): Promise<StoredKeyring | undefined>;
  /** True where any workspace, user or credential exists: then no key may be made. */
  holdsData(): Promise<boolean>;
  insertKeyring(keyring: StoredKeyring): Promise<void>;
  /**
   * All keys of a workspace, the newest first.
   *
   * @throws VaultError `secret_unreadable` where the MAC of one is wrong, since an older one would become the current one
   */
  findWorkspaceKeys(workspaceId: string): Promise<readonly WrappedWorkspaceKey[]>;
}

/** The MAC over a row that grants something, so that a writer of the database can't grant himself anything. */
export interface GrantMac {
  /** @param fields the row's granting columns in a fixed order; the table's name separates the domains */
  compute(table: string, fields: readonly (string | Uint8Array | null)[]): Uint8Array;
  /** Compares in constant time. */
  verify(table: string, fields: readonly (string | Uint8Array | null)[], mac: Uint8Array): boolean;
}

/** A credential as it was found for a decision. */
export interface FoundCredential {
  readonly credential: Credential;
  /** Its current version; only where the decision asked for it. */
  readonly current: SealedVersion | undefined;
}

/** What is to be written for one call, with the event that tells of it, and what to answer once it is durable. */
export type Decision<Answer> =
  | {
      readonly event: AuditEvent;
      readonly answer: Answer;
      readonly insert?: { readonly credential: Credential; readonly version: SealedVersion };
      /** The whole new state; `version` is added where the secret changed. */
      readonly update?: { readonly credential: Credential; readonly version?: SealedVersion };
    }
  | { readonly event: AuditEvent; readonly refusal: VaultError };

/**
 * How a credential is named: by id, or by its name. Several may have one name: then the one to which it belongs exclusively
 * is meant, else the oldest that lives.
 */
export type CredentialReference = Reference | { readonly name: string };

/** Which credential a decision is about. */
export interface DecisionTarget {
  readonly workspaceId: string;
  /** Absent for a create; a name is not for changing, since the lock may be waited for until another has it. */
  readonly reference?: CredentialReference;
  /** Also find one that has been deleted. */
  readonly deletedToo?: boolean;
  /** Load the current sealed version. */
  readonly sealed?: boolean;
  /** Take the row's lock, since the decision changes it. */
  readonly lock?: boolean;
  readonly signal: AbortSignal;
}

/** Which credential is to be shown. */
export interface FindRequest {
  readonly workspaceId: string;
  readonly reference: CredentialReference;
  /** Also find one that has been deleted. */
  readonly deletedToo?: boolean;
  readonly signal: AbortSignal;
}

/** Which credentials of a workspace are meant. What is absent does not limit them; an empty list has no fitting value. */
export interface CredentialFilter {
  /** Only those whose name is this. */
  readonly name?: string;
  /** Only those whose provider is one of these. */
  readonly providers?: readonly string[];
  /** Only those whose auth type is, without regard to case, one of these. */
  readonly authTypes?: readonly string[];
  /** Only those whose auth type is, without regard to case, none of these. */
  readonly authTypesExcept?: readonly string[];
  /** Only those whose category is one of these. */
  readonly categories?: readonly string[];
  /** Only those that are in one of these states now. */
  readonly states?: readonly Exclude<CredentialState, 'DELETED'>[];
  /** Only those that an API key is for. */
  readonly narrowing?: Narrowing;
  /** Only those whose name or description holds this, without regard to case. */
  readonly search?: string;
}

/** What is counted. */
export interface CountRequest extends CredentialFilter {
  readonly workspaceId: string;
  /** The moment whose states are meant. */
  readonly now: Date;
  readonly deletedToo?: boolean;
  readonly signal: AbortSignal;
}

/** What a list may be sorted by; ids decide between equals. Names are in the order of the database's collation. */
export type CredentialSort = 'createdAt' | 'updatedAt' | 'name';

/**
 * One page of a list: those that follow a place, in the list's order. Places are named by credentials of the workspace,
 * which may have been deleted or not fit the filter; behind and before an unknown one there is nothing.
 */
export interface PageRequest extends CountRequest {
  /** `createdAt` where absent. */
  readonly sortBy?: CredentialSort;
  readonly order: 'ascending' | 'descending';
  /** Continue behind the credential of this id. */
  readonly after?: string;
  /** End before the credential of this id; without `after` those next to it are meant, not the first of the list. */
  readonly before?: string;
  /** Leave out so many more. */
  readonly skip?: number;
  /** From 1. */
  readonly size: number;
}

/** A use of a secret, to be counted. */
export interface CredentialUse {
  readonly workspaceId: string;
  readonly credentialId: string;
  readonly lastUsedAt: Date;
  readonly uses: number;
}

/** Keeps credentials, their sealed versions and the events about them. */
export interface CredentialStore {
  /**
   * Runs one decision in one transaction: finds, lets `decide` choose (synchronously, without side effects, perhaps
   * several times), writes what it chose together with its event, commits, and only then answers or refuses.
   *
   * @throws VaultError `name_taken` or `id_taken` where an insert or update collides; what `decide` throws, with nothing written
   */
  decide<Answer>(
    target: DecisionTarget,
    decide: (found: FoundCredential | undefined) => Decision<Answer>,
  ): Promise<Answer>;
  /** Metadata alone; ciphertext is not loaded. */
  find(request: FindRequest): Promise<Credential | undefined>;
  list(request: PageRequest): Promise<readonly Credential[]>;
  count(request: CountRequest): Promise<number>;
  /** Adds uses in id order, without touching revisions. */
  recordUses(uses: readonly CredentialUse[]): Promise<void>;
}

/** A tenant. */
export interface Workspace {
  readonly id: string;
  readonly name: string;
  readonly createdBy: string;
  readonly createdAt: Date;
}

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

export interface Membership {
  readonly workspaceId: string;
  readonly userId: string;
  readonly role: Role;
  readonly mayReveal: boolean;
}

/** An API key without its token. */
export interface ApiKey extends Narrowing {
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

/** Keeps workspaces. */
export interface WorkspaceStore {
  /** In one transaction. */
  createWorkspace(creation: {
    readonly workspace: Workspace;
    readonly key: WrappedWorkspaceKey;
    readonly maker: Membership;
    readonly event: AuditEvent;
  }): Promise<void>;
  findWorkspace(reference: Reference, signal: AbortSignal): Promise<Workspace | undefined>;
  /** In the order of creation; `among` limits them to these ids. */
  listWorkspaces(request: {
    readonly among?: readonly string[];
    readonly after?: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly Workspace[]>;
}

/** Keeps the API keys that workspaces issue. */
export interface ApiKeyStore {
  /**
   * `user` is added where he does not exist yet: the one in whose name the key acts.
   *
   * @throws VaultError `name_taken` where another living key has the name in its certificate
   */
  createApiKey(apiKey: ApiKey, event: AuditEvent, user?: User): Promise<void>;
  findApiKeyById(workspaceId: string, id: string, signal: AbortSignal): Promise<ApiKey | undefined>;
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
  }): Promise<readonly ApiKey[]>;
  /** Answers false where it is absent; revoking once more keeps the first time. */
  revokeApiKey(revocation: {
    readonly workspaceId: string;
    readonly id: string;
    readonly revokedAt: Date;
    readonly event: AuditEvent;
  }): Promise<boolean>;
}

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

/** Writes an event that stands alone: a login that failed, a call that was denied. */
export interface AuditStore {
  append(event: AuditEvent): Promise<void>;
}
