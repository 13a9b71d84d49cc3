import type { UserStore } from '../identity/ports.ts';
import type { ApiKey, User, Membership } from '../identity/identity.ts';
import type { AuditEvent } from '../audit/audit-event.ts';
import type { Reference } from '../ids.ts';
import type { Secret } from '../secret.ts';

/** Where a sealed secret belongs; the record key is derived from it, so that bytes open in their own place alone. */
export interface RecordIdentity {
  readonly workspaceId: string;
  readonly credentialId: string;
  readonly version: number;
}

/** Seals and opens the secrets of one workspace; its keys are loaded, so that both are synchronous. */
export interface WorkspaceCipher {
  /** Seals with the workspace's current key. */
  seal(identity: RecordIdentity, secret: Secret): { readonly sealed: Uint8Array; readonly keyId: Uint8Array };
  /** @throws VaultError `secret_unreadable`, whose cause tells the operator a wrong key from tampered bytes */
  open(identity: RecordIdentity, sealed: Uint8Array): Secret;
  /** The length of a sealed secret's padded plaintext in bytes, as everyone who has the sealed bytes can tell it. */
  paddedBytes(sealed: Uint8Array): number;
  /**
   * Whether sealed bytes were made for this place, by the key of this id, by their commitment: cheaper than opening them.
   *
   * @param stored its `sealed` may be cut off after 145 bytes
   */
  recognizes(identity: RecordIdentity, stored: { readonly keyId: Uint8Array; readonly sealed: Uint8Array }): boolean;
}

/** Gives the cipher of a workspace. */
export interface WorkspaceCipherSource {
  cipherFor(workspaceId: string): Promise<WorkspaceCipher>;
  /** Makes the first key of a workspace that is about to be created, wrapped for storing. */
  newWorkspaceKey(workspaceId: string): WrappedWorkspaceKey;
  /** Wipes the keys of a workspace that this process holds, at once, also under ciphers that are in use. */
  forget(workspaceId: string): void;
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

/** A tenant. */
export interface Workspace {
  readonly id: string;
  readonly name: string;
  readonly createdBy: string;
  readonly createdAt: Date;
}

/** What came of deleting a workspace; `default` is the instance's own, which stays. */
export type WorkspaceDeletion = 'done' | 'absent' | 'default';

/** Keeps workspaces. To all who ask, deleted ones are absent. */
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
  /**
   * Destroys the keys of a workspace, revokes its API keys and ends its memberships, in one transaction. Users whose default
   * workspace it was get the instance's. Its credentials stay for a `PurgeStore` to delete.
   */
  deleteWorkspace(deletion: {
    readonly workspaceId: string;
    readonly deletedAt: Date;
    readonly event: AuditEvent;
  }): Promise<WorkspaceDeletion>;
}

/** A workspace whose keys are destroyed, while credentials that were sealed with them may be left. */
export interface UnpurgedWorkspace {
  readonly id: string;
  readonly deletedAt: Date;
}

/** Deletes what is left of deleted workspaces. */
export interface PurgeStore {
  /** Those that were deleted last come first; 10,000 at most. */
  findUnpurged(): Promise<readonly UnpurgedWorkspace[]>;
  /** Deletes some of what is left, unless another process is at it, and answers whether there may be more. */
  purgeSome(workspaceId: string): Promise<boolean>;
  /** Notes that nothing is left, unless something is. */
  endPurge(workspaceId: string, purgedAt: Date): Promise<void>;
}

/** Sets up the instance, and replaces the first owner's key. */
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
