import { BoundedMap } from '../vault/bounded-map.ts';
import { VaultError, vaultSealed } from '../vault/errors.ts';
import type { Clock } from '../vault/time.ts';
import type {
  KeyStore,
  WorkspaceCipherSource,
  WorkspaceCipher,
  WrappedWorkspaceKey,
} from '../vault/workspaces/ports.ts';
import { Key, keyBytes } from './key.ts';
import { KeyedWorkspaceCipher, OpenedKeys } from './keyed-workspace-cipher.ts';
import type { KeyWrapping } from './keyring.ts';
import type { RandomSource } from '../vault/ids.ts';
import { SecretboxEncryptor } from './secretbox-encryptor.ts';
import type { Sodium } from './sodium.ts';
import { secretUnreadable } from './unreadable-error.ts';
import { identifyKey, type WorkspaceKey } from './derive.ts';

export interface WorkspaceKeysOptions {
  readonly sodium: Sodium;
  readonly random: RandomSource;
  readonly clock: Clock;
  readonly store: Pick<KeyStore, 'findWorkspaceKeys'>;
  readonly keyring: KeyWrapping;
  /** Makes the keyring use the master key of now, after a rotation by another process. */
  readonly renewMaster?: () => Promise<void>;
  /** How many workspaces' keys are cached in clear; beyond it, the least recently used ones are dropped. */
  readonly workspacesMax?: number;
  /** After how many milliseconds cached keys are read from the store again. */
  readonly timeToLiveMs?: number;
}

interface CachedCipher {
  readonly cipher: KeyedWorkspaceCipher;
  readonly expiresAtMs: number;
}

interface Loading {
  readonly cipher: Promise<KeyedWorkspaceCipher>;
  readonly forgetting: AbortController;
}

/**
 * The ciphers of workspaces, with a bounded and expiring cache of unwrapped keys. It never creates a key for an existing workspace:
 * if the store has none, or one does not unwrap, it refuses.
 *
 * Keys that leave the cache are wiped when their cipher is no longer referenced, by a finalization callback. `forget` and `close`
 * wipe at once; a cipher that is still in use then refuses.
 */
export class WorkspaceKeys implements WorkspaceCipherSource {
  readonly #options: WorkspaceKeysOptions & Required<Pick<WorkspaceKeysOptions, 'workspacesMax' | 'timeToLiveMs'>>;
  readonly #encryptor: SecretboxEncryptor;
  /** The least recently used first. */
  readonly #cache: BoundedMap<string, CachedCipher>;
  readonly #loading = new Map<string, Loading>();
  /** All keys in clear, including those that left the cache while their cipher is in use. */
  readonly #opened = new Set<OpenedKeys>();
  readonly #abandoned = new FinalizationRegistry<OpenedKeys>((keys) => this.#wipe(keys));
  readonly #sweeping: NodeJS.Timeout;
  #closed = false;
  #sealed = false;

  constructor(options: WorkspaceKeysOptions) {
    this.#options = { workspacesMax: 10_000, timeToLiveMs: 300_000, ...options };
    this.#cache = new BoundedMap(this.#options.workspacesMax);
    this.#encryptor = new SecretboxEncryptor(options.sodium, options.random);
    this.#sweeping = setInterval(() => this.dropExpired(), this.#options.timeToLiveMs).unref();
  }

  /**
   * Concurrent calls for one workspace share one query.
   *
   * @throws VaultError `secret_unreadable` if the workspace has no key, or one does not unwrap; `unavailable` after `close`, and
   *   with the reason `SEALED` while it is sealed
   */
  async cipherFor(workspaceId: string): Promise<WorkspaceCipher> {
    if (this.#closed) throw new VaultError('unavailable', 'the vault is stopping');
    if (this.#sealed) throw vaultSealed();
    return this.#cached(workspaceId) ?? this.#loading.get(workspaceId)?.cipher ?? this.#loadOnce(workspaceId);
  }

  newWorkspaceKey(workspaceId: string): WrappedWorkspaceKey {
    if (this.#sealed) throw vaultSealed();
    const { sodium, random, keyring, clock } = this.#options;
    const workspaceKey = identifyKey(sodium, new Key(random.take(keyBytes)));
    const wrapped = keyring.wrapWorkspaceKey(workspaceId, workspaceKey);
    workspaceKey.key.wipe();
    const { masterFingerprint } = keyring;
    return { workspaceId, keyId: workspaceKey.keyId, wrapped, masterFingerprint, createdAt: clock.now() };
  }

  /** Wipes the keys of a workspace at once, even while ciphers are in use. */
  forget(workspaceId: string): void {
    this.#cache.delete(workspaceId);
    this.#loading.get(workspaceId)?.forgetting.abort();
    this.#loading.delete(workspaceId);
    for (const keys of this.#opened) if (keys.workspaceId === workspaceId) this.#wipe(keys);
  }

  async renew(): Promise<void> {
    await this.#options.renewMaster?.();
  }

  /** Wipes all keys at once; until `unseal`, every use is refused as `SEALED`. */
  seal(): void {
    this.#sealed = true;
    for (const keys of this.#opened) keys.wipe(() => vaultSealed());
    this.#forgetAll();
  }

  /** Loads keys again when they are needed. */
  unseal(): void {
    this.#sealed = false;
  }

  /** Wipes all keys at once; no cipher is available afterwards. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#sweeping);
    this.#forgetAll();
  }

  /** Drops expired keys; runs automatically once per time to live. */
  dropExpired(): void {
    const nowMs = this.#options.clock.now().getTime();
    for (const [workspaceId, { expiresAtMs }] of this.#cache) if (expiresAtMs <= nowMs) this.#cache.delete(workspaceId);
  }

  #forgetAll(): void {
    for (const workspaceId of this.#loading.keys()) this.forget(workspaceId);
    for (const keys of this.#opened) this.#wipe(keys);
    this.#cache.clear();
  }

  #cached(workspaceId: string): KeyedWorkspaceCipher | undefined {
    const cached = this.#cache.use(workspaceId);
    if (!cached) return undefined;
    if (cached.expiresAtMs > this.#options.clock.now().getTime()) return cached.cipher;
    this.#cache.delete(workspaceId);
    return undefined;
  }

  async #loadOnce(workspaceId: string): Promise<KeyedWorkspaceCipher> {
    const forgetting = new AbortController();
    const cipher = this.#load(workspaceId, forgetting.signal);
    this.#loading.set(workspaceId, { cipher, forgetting });
    try {
      return await cipher;
    } finally {
      if (!forgetting.signal.aborted) this.#loading.delete(workspaceId);
    }
  }

  async #load(workspaceId: string, forgotten: AbortSignal): Promise<KeyedWorkspaceCipher> {
    const { keyring, store } = this.#options;
    const wrapped = await store.findWorkspaceKeys(workspaceId);
    if (wrapped.some((key) => key.masterFingerprint !== keyring.masterFingerprint)) await this.renew();
    if (forgotten.aborted) throw this.#sealed ? vaultSealed() : secretUnreadable('key_wiped');
    if (wrapped.length === 0) throw secretUnreadable('key_missing');
    return this.#admit(new OpenedKeys(workspaceId, this.#unwrapAll(wrapped)));
  }

  /** All or none: without the newest, an older key would become the current one. */
  #unwrapAll(wrapped: readonly WrappedWorkspaceKey[]): readonly WorkspaceKey[] {
    const unwrapped: WorkspaceKey[] = [];
    try {
      for (const one of wrapped) unwrapped.push(this.#options.keyring.unwrapWorkspaceKey(one));
      return unwrapped;
    } catch (error) {
      for (const { key } of unwrapped) key.wipe();
      throw error;
    }
  }

  #admit(keys: OpenedKeys): KeyedWorkspaceCipher {
    const { clock, timeToLiveMs } = this.#options;
    const cipher = new KeyedWorkspaceCipher(this.#encryptor, keys);
    this.#opened.add(keys);
    this.#abandoned.register(cipher, keys);
    this.#cache.set(keys.workspaceId, { cipher, expiresAtMs: clock.now().getTime() + timeToLiveMs });
    return cipher;
  }

  #wipe(keys: OpenedKeys): void {
    keys.wipe();
    this.#opened.delete(keys);
  }
}
