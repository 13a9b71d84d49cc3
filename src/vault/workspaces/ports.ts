import type { AuditEvent } from '../audit/audit-event.ts';
import type { Reference } from '../ids.ts';
import type { ApiKey, Membership, User } from '../identity/identity.ts';
import type { UserStore } from '../identity/ports.ts';
import type { Keeping } from '../requests/ports.ts';
import type { Secret } from '../secret.ts';

/** A tenant. */
export interface Workspace {
  readonly id: string;
  readonly name: string;
  readonly createdBy: string;
  readonly createdAt: Date;
}

/** The result of a deletion; `default` is the default workspace of the instance, which is not deleted. */
export type WorkspaceDeletion = 'done' | 'absent' | 'default';

/** Stores workspaces. Deleted ones are absent. */
export interface WorkspaceStore {
  /**
   * In one transaction.
   *
   * @throws VaultError `unavailable` with the reason `MASTER_KEY_ROTATED` if another master key than the keyring's has wrapped the key
   */
  createWorkspace(creation: {
    readonly workspace: Workspace;
    readonly key: WrappedWorkspaceKey;
    readonly maker: Membership;
    readonly event: AuditEvent;
    readonly keeping?: Keeping<Workspace> | undefined;
  }): Promise<void>;
  findWorkspace(reference: Reference, signal: AbortSignal): Promise<Workspace | undefined>;
  /** In the order of creation; `among` restricts the list to these ids. */
  listWorkspaces(request: {
    readonly among?: readonly string[];
    readonly after?: string;
    readonly size: number;
    readonly signal: AbortSignal;
  }): Promise<readonly Workspace[]>;
  /**
   * Destroys the keys of a workspace, revokes its API keys and removes its memberships, in one transaction. Users whose default
   * workspace it was get the default workspace of the instance. Its credentials remain for a `PurgeStore` to delete.
   */
  deleteWorkspace(deletion: {
    readonly workspaceId: string;
    readonly deletedAt: Date;
    readonly event: AuditEvent;
    readonly keeping?: Keeping<WorkspaceDeletion> | undefined;
  }): Promise<WorkspaceDeletion>;
}

/** A deleted workspace whose credentials may still be stored. */
export interface UnpurgedWorkspace {
  readonly id: string;
  readonly deletedAt: Date;
}

/** Deletes what remains of deleted workspaces. */
export interface PurgeStore {
  /** At most 10,000, the last deleted first. */
  findUnpurged(): Promise<readonly UnpurgedWorkspace[]>;
  /** Deletes one batch, unless another process does; returns whether there may be more. */
  purgeSome(workspaceId: string): Promise<boolean>;
  /** Marks the workspace as purged, unless something remains. */
  endPurge(workspaceId: string, purgedAt: Date): Promise<void>;
}

/** Sets up the instance, and replaces the authentication of its first owner. */
export interface InstanceStore extends Pick<UserStore, 'findFirstOwner' | 'replaceAuthentication'> {
  /** Whether an owner of the instance exists. */
  anyOwner(): Promise<boolean>;
  /** Creates the first workspace, its key, the first owner, their membership and their personal API key in one transaction. */
  createFirstOwner(creation: {
    readonly workspace: Workspace;
    readonly key: WrappedWorkspaceKey;
    readonly owner: User;
    readonly membership: Membership;
    readonly apiKey: ApiKey;
    readonly event: AuditEvent;
  }): Promise<void>;
}

/** The position of a sealed secret. The record key is derived from it, so that sealed bytes open only in their own position. */
export interface RecordIdentity {
  readonly workspaceId: string;
  readonly credentialId: string;
  readonly version: number;
}

/** Seals and opens the secrets of one workspace. Its keys are loaded, so that its methods are synchronous. */
export interface WorkspaceCipher {
  /** Seals with the current key of the workspace. */
  seal(identity: RecordIdentity, secret: Secret): { readonly sealed: Uint8Array; readonly keyId: Uint8Array };
  /** @throws VaultError `secret_unreadable`; its cause distinguishes, for the operator, a wrong key from modified bytes */
  open(identity: RecordIdentity, sealed: Uint8Array): Secret;
  /** The length of the padded plaintext in bytes, which is visible to anyone who has the sealed bytes. */
  paddedBytes(sealed: Uint8Array): number;
  /**
   * Whether the key of this id sealed these bytes for this position, judged by their commitment: cheaper than opening them.
   *
   * @param stored its `sealed` may be cut off after 145 bytes
   */
  recognizes(identity: RecordIdentity, stored: { readonly keyId: Uint8Array; readonly sealed: Uint8Array }): boolean;
}

/** Provides the ciphers of workspaces. */
export interface WorkspaceCipherSource {
  cipherFor(workspaceId: string): Promise<WorkspaceCipher>;
  /** Creates the first key of a workspace that is about to be created, wrapped for storage. */
  newWorkspaceKey(workspaceId: string): WrappedWorkspaceKey;
  /**
   * Takes over the master key by which another process has rotated.
   *
   * @throws VaultError `unavailable` with the reason `SEALED` if it cannot be obtained; then everything is sealed
   */
  renew(): Promise<void>;
  /** Wipes the keys of a workspace in this process at once, even while ciphers are in use. */
  forget(workspaceId: string): void;
}

/** A workspace key as it is stored. */
export interface WrappedWorkspaceKey {
  readonly workspaceId: string;
  /** 8 bytes. */
  readonly keyId: Uint8Array;
  /** 73 bytes: format version, nonce and secretbox. */
  readonly wrapped: Uint8Array;
  /** The fingerprint of the master key that wrapped it. */
  readonly masterFingerprint: string;
  readonly createdAt: Date;
}

/** The keys of the instance as they are stored, in one row. */
export interface StoredKeyring {
  /** UUID of the instance; an input of every derivation from the master key. */
  readonly instanceId: string;
  /** Whether the master key is derived from a password or given as 32 bytes. */
  readonly derivation: 'argon2id' | 'key';
  /** 16 bytes for `argon2id`, empty for `key`. */
  readonly salt: Uint8Array;
  readonly masterFingerprint: string;
  /** A known text, sealed with the master key. */
  readonly canary: Uint8Array;
  /** The random keys of the instance, wrapped. */
  readonly wrappedKeys: Uint8Array;
  /** The master key as a transit engine has wrapped it, such as `vault:v1:…`; null where none has. */
  readonly wrappedMaster: string | null;
  readonly createdAt: Date;
}

/** How everything that the master key wraps is wrapped by another one. Both functions have no side effects. */
export interface MasterRotation {
  readonly rewrapKeyring: (stored: StoredKeyring) => StoredKeyring;
  /** @throws VaultError `secret_unreadable` if the present master key does not unwrap it */
  readonly rewrapKey: (present: WrappedWorkspaceKey) => WrappedWorkspaceKey;
  /** The fingerprint of the other key. */
  readonly fingerprint: string;
  readonly event: AuditEvent;
  readonly keeping?: Keeping<RotatedMaster> | undefined;
}

/** Replaces the master key. */
export interface MasterRotationStore {
  /**
   * Wraps the keyring and the keys of all workspaces anew in one transaction: after a crash, everything is wrapped by one of the
   * two master keys.
   *
   * @throws VaultError `request_in_progress` with the reason `ROTATION_UNDER_WAY` if another rotation has begun; `secret_unreadable` if a key was
   *   modified outside of Coffer, and then nothing changes
   */
  rotateMaster(rotation: MasterRotation): Promise<RotatedMaster>;
}

/** The result of a rotation. */
export interface RotatedMaster {
  readonly fingerprint: string;
  /** How many workspaces' keys were wrapped again. */
  readonly workspaceKeys: number;
  readonly rotatedAt: Date;
}

/** Makes a new master key and rotates to it. */
export interface MasterKeyRotator {
  /**
   * Rotates the key in the data directory.
   *
   * @throws VaultError `failed_precondition` with the reason `USE_COMMAND` if it comes from elsewhere; what `rotateMaster` throws
   */
  rotateFile(event: AuditEvent, keeping?: Keeping<RotatedMaster>): Promise<RotatedMaster>;
}

/** Stores the keyring of the instance and the wrapped keys of workspaces. */
export interface KeyStore {
  findKeyring(): Promise<StoredKeyring | undefined>;
  /** Whether any workspace, user or credential exists: then no key may be created. */
  holdsData(): Promise<boolean>;
  insertKeyring(keyring: StoredKeyring): Promise<void>;
  /**
   * All keys of a workspace, the newest first.
   *
   * @throws VaultError `secret_unreadable` if the MAC of one is wrong: without it, an older key would become the current one
   */
  findWorkspaceKeys(workspaceId: string): Promise<readonly WrappedWorkspaceKey[]>;
  /** Whether a workspace has a key with a valid MAC that the master key with the fingerprint has wrapped. */
  isMasterInUse(fingerprint: string): Promise<boolean>;
}

/** The hashes by which the shares of a master key are recognized. */
export interface KeyShareSet {
  /** Of the master key. */
  readonly masterFingerprint: string;
  /** How many shares are needed. */
  readonly threshold: number;
  readonly hashes: readonly Uint8Array[];
}

/** Stores the hashes of shares. */
export interface KeyShareStore {
  /** Replaces those of all earlier shares, which are not accepted any more. */
  replaceShares(shares: KeyShareSet, event: AuditEvent): Promise<void>;
}

/** Records that an owner has sealed all servers. */
export interface SealStore {
  /** The number of the last seal, which rises; 0 before the first, and for a row that was modified outside of Coffer. */
  findSeal(): Promise<number>;
  /** Every process is notified. */
  recordSeal(event: AuditEvent): Promise<void>;
}

/** Seals the vault in all processes. */
export interface SealControl {
  /** Records the event, and then wipes the keys of this process; the other processes follow. */
  seal(event: AuditEvent): Promise<void>;
}
