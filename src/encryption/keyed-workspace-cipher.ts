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
  #wiped: (() => VaultError) | undefined;
  /** Keys that were destroyed a moment ago, for sealed bytes that were read before. */
  #destroyed: readonly WorkspaceKey[] = [];

  /** @param keys at least one, the newest first; they are owned by this object */
  constructor(workspaceId: string, keys: readonly WorkspaceKey[]) {
    assert(keys.length > 0, 'a workspace has a key');
    this.workspaceId = workspaceId;
    this.#keys = keys;
  }

  /** The key to seal with. */
  current(): WorkspaceKey {
    const [newest] = this.#keys;
    if (!newest) throw (this.#wiped ?? keysWiped)();
    return newest;
  }

  /** The current or an older key by its id. */
  find(keyId: Uint8Array): WorkspaceKey {
    if (this.#wiped) throw this.#wiped();
    const found = withId(this.#keys, keyId) ?? withId(this.#destroyed, keyId);
    if (!found) throw secretUnreadable('key_unknown');
    return found;
  }

  /** Whether there is a key with this id. */
  has(keyId: Uint8Array): boolean {
    return (withId(this.#keys, keyId) ?? withId(this.#destroyed, keyId)) !== undefined;
  }

  /**
   * Uses these keys from now on. Those that are no longer among them open what was read before, until `wipeDestroyed`.
   *
   * @param keys at least one, the newest first; they are owned by this object
   */
  replace(keys: readonly WorkspaceKey[]): void {
    if (this.#wiped) {
      wipeAll(keys);
      return;
    }
    const isGone = ({ keyId }: WorkspaceKey) => withId(keys, keyId) === undefined;
    const before = this.#keys;
    this.#destroyed = [...this.#destroyed, ...before.filter(isGone)];
    this.#keys = keys;
    wipeAll(before.filter((key) => !isGone(key)));
  }

  /** Overwrites the destroyed keys. */
  wipeDestroyed(): void {
    wipeAll(this.#destroyed);
    this.#destroyed = [];
  }

  /**
   * Overwrites the keys.
   *
   * @param why what a later use throws
   */
  wipe(why = this.#wiped ?? keysWiped): void {
    this.#wiped = why;
    this.wipeDestroyed();
    wipeAll(this.#keys);
    this.#keys = [];
  }
}

const keysWiped = (): VaultError => secretUnreadable('key_wiped');

function withId(keys: readonly WorkspaceKey[], keyId: Uint8Array): WorkspaceKey | undefined {
  return keys.find((candidate) => Buffer.compare(candidate.keyId, keyId) === 0);
}

function wipeAll(keys: readonly WorkspaceKey[]): void {
  for (const { key } of keys) key.wipe();
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

  sealsWith(keyId: Uint8Array): boolean {
    return Buffer.compare(this.#keys.current().keyId, keyId) === 0;
  }

  reseal(identity: RecordIdentity, sealed: Uint8Array): { readonly sealed: Uint8Array; readonly keyId: Uint8Array } {
    this.#assertOwn(identity);
    const parts = decodeSealed(sealed);
    const to = this.#keys.current();
    const from = this.#keys.find(parts.keyId);
    return { sealed: this.#encryptor.reseal({ from, to }, identity, parts), keyId: to.keyId };
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
