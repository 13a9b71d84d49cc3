import assert from 'node:assert/strict';
import { VaultError } from '../vault/errors.ts';
import type { RecordIdentity, WorkspaceCipher } from '../vault/workspaces/ports.ts';
import type { Secret } from '../vault/secret.ts';
import { decodeSealed, paddedBytesOf } from './sealed-format.ts';
import type { SecretboxEncryptor } from './secretbox-encryptor.ts';
import { secretUnreadable } from './unreadable-error.ts';
import type { WorkspaceKey } from './derive.ts';

/** The keys of one workspace in clear. Wiping them affects every cipher that shares them. */
export class OpenedKeys {
  readonly workspaceId: string;
  #keys: readonly WorkspaceKey[];
  /** Why it has no keys any more. */
  #wiped: () => VaultError = () => secretUnreadable('key_wiped');

  /** @param keys at least one, the newest first; they are owned by this object */
  constructor(workspaceId: string, keys: readonly WorkspaceKey[]) {
    assert(keys.length > 0, 'a workspace has a key');
    this.workspaceId = workspaceId;
    this.#keys = keys;
  }

  /** The key to seal with. */
  current(): WorkspaceKey {
    const [newest] = this.#keys;
    if (!newest) throw this.#wiped();
    return newest;
  }

  /** The current or an older key by its id. */
  find(keyId: Uint8Array): WorkspaceKey {
    if (this.#keys.length === 0) throw this.#wiped();
    const found = this.#keys.find((candidate) => Buffer.compare(candidate.keyId, keyId) === 0);
    if (!found) throw secretUnreadable('key_unknown');
    return found;
  }

  /**
   * Overwrites the keys.
   *
   * @param why what a later use throws
   */
  wipe(why = this.#wiped): void {
    this.#wiped = why;
    for (const { key } of this.#keys) key.wipe();
    this.#keys = [];
  }
}

/** Seals and opens with the opened keys of one workspace. */
export class KeyedWorkspaceCipher implements WorkspaceCipher {
  readonly #encryptor: SecretboxEncryptor;
  readonly #keys: OpenedKeys;

  constructor(encryptor: SecretboxEncryptor, keys: OpenedKeys) {
    this.#encryptor = encryptor;
    this.#keys = keys;
  }

  seal(identity: RecordIdentity, secret: Secret): { readonly sealed: Uint8Array; readonly keyId: Uint8Array } {
    this.#assertOwn(identity);
    const current = this.#keys.current();
    return { sealed: this.#encryptor.seal(current, identity, secret), keyId: current.keyId };
  }

  open(identity: RecordIdentity, sealed: Uint8Array): Secret {
    this.#assertOwn(identity);
    const parts = decodeSealed(sealed);
    return this.#encryptor.open(this.#keys.find(parts.keyId), identity, parts);
  }

  paddedBytes(sealed: Uint8Array): number {
    return paddedBytesOf(decodeSealed(sealed));
  }

  recognizes(
    identity: RecordIdentity,
    { keyId, sealed }: { readonly keyId: Uint8Array; readonly sealed: Uint8Array },
  ): boolean {
    this.#assertOwn(identity);
    if (identity.version < 1) return false;
    try {
      const parts = decodeSealed(sealed);
      if (Buffer.compare(parts.keyId, keyId) !== 0) return false;
      return this.#encryptor.recognizes(this.#keys.find(keyId), identity, parts);
    } catch (error) {
      if (error instanceof VaultError && error.code === 'secret_unreadable') return false;
      throw error;
    }
  }

  #assertOwn({ workspaceId }: RecordIdentity): void {
    assert(workspaceId === this.#keys.workspaceId, 'a cipher serves its own workspace only');
  }
}
