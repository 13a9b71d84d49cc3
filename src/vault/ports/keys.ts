import type { Secret } from '../secret.ts';

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
  /** The length of a sealed secret's padded plaintext in bytes, as everyone who has the sealed bytes can tell it. */
  paddedBytes(sealed: Uint8Array): number;
  /**
   * Whether sealed bytes were made for this place, by the key of this id, by their commitment: cheaper than opening them.
   *
   * @param stored its `sealed` may be cut off after 145 bytes
   */
  recognizes(identity: RecordIdentity, stored: { readonly keyId: Uint8Array; readonly sealed: Uint8Array }): boolean;
}

/** Gives the sealer of a workspace. */
export interface SealerSource {
  sealerOf(workspaceId: string): Promise<WorkspaceSealer>;
  /** Makes the first key of a workspace that is about to be created, wrapped for storing. */
  newWorkspaceKey(workspaceId: string): WrappedWorkspaceKey;
  /** Wipes the keys of a workspace that this process holds, at once, also under sealers that are in use. */
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

/** The MAC over a row that grants something, so that a writer of the database can't grant himself anything. */
export interface GrantMac {
  /** @param fields the row's granting columns in a fixed order; the table's name separates the domains */
  compute(table: string, fields: readonly (string | Uint8Array | null)[]): Uint8Array;
  /** Compares in constant time. */
  verify(table: string, fields: readonly (string | Uint8Array | null)[], mac: Uint8Array): boolean;
}
