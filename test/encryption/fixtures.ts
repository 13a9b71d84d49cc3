import { openKeyring } from '../../src/encryption/open-keyring.ts';
import type { Keyring, KeyWrapping } from '../../src/encryption/keyring.ts';
import { RandomPool } from '../../src/encryption/random.ts';
import type { RandomSource } from '../../src/vault/ids.ts';
import { loadSodium } from '../../src/encryption/sodium.ts';
import { UnreadableError, type UnreadableReason } from '../../src/encryption/unreadable-error.ts';
import { WorkspaceKeys, type WorkspaceKeysOptions } from '../../src/encryption/workspace-keys.ts';
import { VaultError } from '../../src/vault/errors.ts';
import type { Clock } from '../../src/vault/time.ts';
import type { KeyStore, StoredKeyring, WrappedWorkspaceKey } from '../../src/vault/workspaces/ports.ts';
import { rejectionOf } from '../support/refusals.ts';

export const workspaceId = '018cc251-f400-7a00-8000-000000000001';
export const otherWorkspaceId = '018cc251-f400-7a00-8000-000000000002';
export const credentialId = '018cc251-f400-7b00-8000-000000000003';
export const otherCredentialId = '018cc251-f400-7b00-8000-000000000004';

/** The bytes 0, 1, 2 … from a given one on, over and over: for vectors, never for keys. */
export class CountingBytes implements RandomSource {
  #next: number;

  constructor(first = 0) {
    this.#next = first;
  }

  take(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(length).map(() => this.#next++ & 0xff);
  }
}

/** A clock that stands until it is set. */
export class StandingClock implements Clock {
  timeMs = Date.UTC(2024, 0, 1);

  now(): Date {
    return new Date(this.timeMs);
  }
}

/** Keeps keys in memory. */
export class MemoryKeyStore implements KeyStore {
  keyring: StoredKeyring | undefined;
  data = false;
  /** The newest first. */
  keys: WrappedWorkspaceKey[] = [];
  /** How often keys of a workspace were asked for. */
  asked = 0;

  findKeyring(): Promise<StoredKeyring | undefined> {
    return Promise.resolve(this.keyring);
  }

  holdsData(): Promise<boolean> {
    return Promise.resolve(this.data);
  }

  insertKeyring(keyring: StoredKeyring): Promise<void> {
    this.keyring = keyring;
    return Promise.resolve();
  }

  findWorkspaceKeys(sought: string): Promise<readonly WrappedWorkspaceKey[]> {
    this.asked += 1;
    return Promise.resolve(this.keys.filter((key) => key.workspaceId === sought));
  }

  isMasterInUse(fingerprint: string): Promise<boolean> {
    return Promise.resolve(this.keys.some((key) => key.masterFingerprint === fingerprint));
  }
}

type CacheOptions = Pick<WorkspaceKeysOptions, 'workspacesMax' | 'timeToLiveMs'>;

/** A new instance over an empty store, with a key for each of the two workspaces. */
export async function newInstance(options: CacheOptions = {}): Promise<Instance> {
  const sodium = await loadSodium();
  const random = new RandomPool();
  const clock = new StandingClock();
  const store = new MemoryKeyStore();
  const keyring = await openKeyring({ sodium, random, clock, store, master: { kind: 'key', key: random.take(32) } });
  const workspaceKeys = new WorkspaceKeys({ sodium, random, clock, store, keyring, ...options });
  for (const id of [workspaceId, otherWorkspaceId]) store.keys.push(workspaceKeys.newWorkspaceKey(id));
  return { clock, store, keyring, workspaceKeys };
}

export interface Instance {
  readonly clock: StandingClock;
  readonly store: MemoryKeyStore;
  readonly keyring: Keyring;
  readonly workspaceKeys: WorkspaceKeys;
}

/** An instance whose unwrapped keys a test can look at. */
export async function watchedInstance(
  options: CacheOptions = {},
): Promise<{ instance: Instance; unwrapped: Uint8Array[] }> {
  const made = await newInstance();
  const unwrapped: Uint8Array[] = [];
  const keyring: KeyWrapping = {
    masterFingerprint: made.keyring.masterFingerprint,
    wrapWorkspaceKey: (id, workspaceKey) => made.keyring.wrapWorkspaceKey(id, workspaceKey),
    unwrapWorkspaceKey: (wrapped) => {
      const workspaceKey = made.keyring.unwrapWorkspaceKey(wrapped);
      unwrapped.push(workspaceKey.key.expose());
      return workspaceKey;
    },
  };
  const { store, clock } = made;
  const sodium = await loadSodium();
  const workspaceKeys = new WorkspaceKeys({ sodium, random: new RandomPool(), clock, store, keyring, ...options });
  return { instance: { ...made, workspaceKeys }, unwrapped };
}

/** The reason why a promise was rejected. */
export async function reasonFor(promise: Promise<unknown>): Promise<UnreadableReason> {
  return reasonOf(await rejectionOf(promise));
}

export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** Why a call refused: the reason behind `secret_unreadable`; undefined where it did not refuse. */
export function refusalOf(call: () => unknown): UnreadableReason | undefined {
  try {
    call();
  } catch (error) {
    return reasonOf(error);
  }
  return undefined;
}

/** The reason behind a `secret_unreadable`; any other error is thrown again. */
export function reasonOf(error: unknown): UnreadableReason {
  const genuine = error instanceof VaultError && error.code === 'secret_unreadable';
  if (genuine && error.cause instanceof UnreadableError) return error.cause.reason;
  throw error;
}

/** The bytes with each one of them changed in turn. */
export function changedOnes(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte, index) => bytes.with(index, byte ^ 0x80));
}

/** The bytes cut short at every length. */
export function cutOnes(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, length) => bytes.subarray(0, length));
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function unhex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}
