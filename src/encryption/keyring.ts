import type { AuditMac } from '../vault/audit/ports.ts';
import type { GrantMac } from '../vault/identity/ports.ts';
import type { PageTokens } from '../vault/search/position.ts';
import type { WrappedWorkspaceKey } from '../vault/workspaces/ports.ts';
import { KeyedAuditMac, KeyedGrantMac } from './macs.ts';
import { uuidBytes, derivationLabels, derive, identifyKey, type WorkspaceKey } from './derive.ts';
import { vaultSealed } from '../vault/errors.ts';
import { Key, keyBytes, KeySlot } from './key.ts';
import type { MasterDerivation, MasterKey } from './master-key.ts';
import type { RandomSource } from '../vault/ids.ts';
import { SealedPageTokens } from './sealed-page-tokens.ts';
import { unwrap, wipeWorkMemory, wrap, type Sodium } from './sodium.ts';
import { secretUnreadable } from './unreadable-error.ts';

/** Wraps workspace keys for storage, and unwraps them. */
export interface KeyWrapping {
  /** The fingerprint of the master key in use, which a rotation changes. */
  readonly masterFingerprint: string;
  wrapWorkspaceKey(workspaceId: string, workspaceKey: WorkspaceKey): Uint8Array;
  /**
   * @returns a key that the caller wipes
   * @throws VaultError `secret_unreadable` if another master key wrapped it, or the bytes were modified
   */
  unwrapWorkspaceKey(wrapped: WrappedWorkspaceKey): WorkspaceKey;
}

/** The offset of each of the instance's keys in the wrapped keyring; the last one is reserved for the use in its name. */
export const instanceKeyOffsets = { auditMac: 0, grantMac: 32, secretFingerprint: 64 } as const;

/** The total length of the instance's keys in bytes. */
export const instanceKeysBytes = 3 * keyBytes;

export interface KeyringParts {
  readonly sodium: Sodium;
  readonly random: RandomSource;
}

/** What a keyring is opened with. */
export interface KeyringContent {
  readonly instanceId: string;
  /** Owned by the keyring: closing it wipes the master key. */
  readonly master: MasterKey;
  /** The instance's keys in clear, which the keyring copies. */
  readonly instanceKeys: Uint8Array;
}

/**
 * The keys of the instance; see `openKeyring`. While it is closed, whatever needs a key throws VaultError `unavailable` with the
 * reason `SEALED`; it may be opened again.
 */
export class Keyring implements KeyWrapping {
  readonly grantMac: GrantMac;
  readonly auditMac: AuditMac;
  readonly pageTokens: PageTokens;
  readonly #sodium: Sodium;
  readonly #random: RandomSource;
  readonly #grantMacKey = new KeySlot();
  readonly #auditMacKey = new KeySlot();
  readonly #pageTokenKey = new KeySlot();
  #opened: Pick<KeyringContent, 'instanceId' | 'master'> | undefined;

  constructor({ sodium, random }: KeyringParts) {
    this.#sodium = sodium;
    this.#random = random;
    this.grantMac = new KeyedGrantMac(sodium, this.#grantMacKey);
    this.auditMac = new KeyedAuditMac(sodium, this.#auditMacKey);
    this.pageTokens = new SealedPageTokens(sodium, random, this.#pageTokenKey);
  }

  open({ instanceId, instanceKeys, master }: KeyringContent): void {
    this.close();
    this.#grantMacKey.fill(keyAt(instanceKeys, instanceKeyOffsets.grantMac));
    this.#auditMacKey.fill(keyAt(instanceKeys, instanceKeyOffsets.auditMac));
    const pageTokens = { key: this.#grantMacKey, label: derivationLabels.pageTokenKey, parts: [], length: keyBytes };
    this.#pageTokenKey.fill(derive(this.#sodium, pageTokens));
    this.#opened = { instanceId, master };
  }

  get isOpen(): boolean {
    return this.#opened !== undefined;
  }

  get instanceId(): string {
    return this.#content().instanceId;
  }

  get masterFingerprint(): string {
    return this.#content().master.fingerprint;
  }

  wrapWorkspaceKey(workspaceId: string, workspaceKey: WorkspaceKey): Uint8Array {
    return this.#wrapWith(this.#content().master, workspaceId, workspaceKey);
  }

  unwrapWorkspaceKey({ workspaceId, keyId, wrapped, masterFingerprint }: WrappedWorkspaceKey): WorkspaceKey {
    if (masterFingerprint !== this.masterFingerprint) throw secretUnreadable('master_key_wrong');
    const derivation = this.#encryptionKey(workspaceId, keyId);
    const bytes = this.#content().master.lendKey(derivation, (key) => unwrap(this.#sodium, { key, wrapped }));
    if (bytes?.length !== keyBytes) throw secretUnreadable('workspace_key_invalid');
    return this.#identify(new Key(bytes), keyId);
  }

  /**
   * Wraps a workspace's key by another master key.
   *
   * @throws VaultError `secret_unreadable` if the present master key does not unwrap it
   */
  rewrapWorkspaceKey(present: WrappedWorkspaceKey, master: MasterKey): WrappedWorkspaceKey {
    const workspaceKey = this.unwrapWorkspaceKey(present);
    const wrapped = this.#wrapWith(master, present.workspaceId, workspaceKey);
    workspaceKey.key.wipe();
    return { ...present, wrapped, masterFingerprint: master.fingerprint };
  }

  /**
   * Uses another master key from now on, which it then owns, and wipes the present one.
   *
   * @throws VaultError `unavailable` with the reason `SEALED` while it is closed; then the other key is wiped
   */
  replaceMaster(master: MasterKey): void {
    if (!this.#opened) {
      master.wipe();
      throw vaultSealed();
    }
    this.#opened.master.wipe();
    this.#opened = { ...this.#opened, master };
  }

  /** A copy of the master key, for splitting it, which the caller wipes. */
  copyMaster(): Uint8Array {
    return this.#content().master.copy();
  }

  /** Lends a key that is derived from the master key; see `MasterKey.lendKey`. */
  lendKey<Result>(derivation: MasterDerivation, use: (key: Key) => Result): Result {
    return this.#content().master.lendKey(derivation, use);
  }

  /** Overwrites all its keys, and what libsodium has kept of those that it computed with. */
  close(): void {
    this.#opened?.master.wipe();
    this.#opened = undefined;
    this.#grantMacKey.wipe();
    this.#auditMacKey.wipe();
    this.#pageTokenKey.wipe();
    wipeWorkMemory(this.#sodium);
  }

  #content(): Pick<KeyringContent, 'instanceId' | 'master'> {
    if (!this.#opened) throw vaultSealed();
    return this.#opened;
  }

  /** A secretbox can be valid under two encryption keys with different contents; the id, a hash of the key, rules that out. */
  #identify(key: Key, keyId: Uint8Array): WorkspaceKey {
    const identified = identifyKey(this.#sodium, key);
    if (Buffer.compare(identified.keyId, keyId) === 0) return identified;
    key.wipe();
    throw secretUnreadable('workspace_key_invalid');
  }

  #wrapWith(master: MasterKey, workspaceId: string, { keyId, key }: WorkspaceKey): Uint8Array {
    return master.lendKey(this.#encryptionKey(workspaceId, keyId), (encryptionKey) =>
      wrap(this.#sodium, this.#random, { key: encryptionKey, content: key.expose() }),
    );
  }

  #encryptionKey(workspaceId: string, keyId: Uint8Array): MasterDerivation {
    const parts = [uuidBytes(this.instanceId), uuidBytes(workspaceId), keyId];
    return { label: derivationLabels.keyEncryptionKey, parts };
  }
}

function keyAt(instanceKeys: Uint8Array, offset: number): Uint8Array {
  return new Uint8Array(instanceKeys.subarray(offset, offset + keyBytes));
}
