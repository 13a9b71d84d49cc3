import type { StoredKeyring, KeyStore } from '../vault/workspaces/ports.ts';
import { uuidV7, type RandomSource } from '../vault/ids.ts';
import type { Clock } from '../vault/time.ts';
import { uuidBytes, derivationLabels, type DerivationLabel } from './derive.ts';
import { instanceKeysBytes, Keyring, type KeyringContent } from './keyring.ts';
import { MasterKey, saltBytes } from './master-key.ts';
import { unwrap, wrap, type Sodium } from './sodium.ts';

/** Where the master key comes from. */
export type MasterKeySource =
  | { readonly kind: 'password'; readonly password: string }
  /** 32 bytes, which the caller may wipe afterwards, and the text as which a transit engine has wrapped them. */
  | { readonly kind: 'key'; readonly key: Uint8Array; readonly wrapped?: string };

export interface KeyringOpening {
  readonly sodium: Sodium;
  readonly random: RandomSource;
  readonly clock: Clock;
  readonly store: Pick<KeyStore, 'findKeyring' | 'holdsData' | 'insertKeyring'>;
  readonly master: MasterKeySource;
  /** The closed keyring to open; another one where absent. */
  readonly keyring?: Keyring | undefined;
}

/** The known text of the canary. */
const canaryText = 'coffer canary v1';

/**
 * Opens the instance's keyring, and creates it on the very first start. The caller ensures that no two processes create one at the
 * same time.
 *
 * @throws WrongMasterKeyError if the master key is not the one of the stored keyring
 * @throws KeyringMissingError if data exist without a keyring
 * @throws KeyringDamagedError if the key is right and the keyring still does not open
 */
export async function openKeyring(opening: KeyringOpening): Promise<Keyring> {
  const stored = await opening.store.findKeyring();
  if (stored) return openStored(opening, stored);
  if (await opening.store.holdsData()) throw new KeyringMissingError();
  return makeKeyring(opening);
}

async function openStored(opening: KeyringOpening, stored: StoredKeyring): Promise<Keyring> {
  const master = await openMaster(opening, stored);
  try {
    return unwrapKeyring(opening, stored, master);
  } catch (error) {
    master.wipe();
    throw error;
  }
}

/** What a master key is derived and checked with. */
export type MasterOpening = Pick<KeyringOpening, 'sodium' | 'master'>;

/**
 * Derives the master key of a stored keyring, and checks that it is that of the keyring.
 *
 * @throws WrongMasterKeyError, KeyringDamagedError
 */
export async function openMaster(opening: MasterOpening, stored: StoredKeyring): Promise<MasterKey> {
  const master = await deriveAgain(opening, stored);
  try {
    checkMaster(opening, stored, master);
    return master;
  } catch (error) {
    master.wipe();
    throw error;
  }
}

async function deriveAgain({ sodium, master }: MasterOpening, stored: StoredKeyring): Promise<MasterKey> {
  if (master.kind === 'password' && stored.derivation === 'key') {
    throw new WrongMasterKeyError({ needed: stored, given: { derivation: 'argon2id' } });
  }
  if (master.kind === 'password' && stored.salt.length !== saltBytes) throw new KeyringDamagedError('salt');
  return deriveMaster(sodium, master, stored.salt);
}

function checkMaster({ master: source, sodium }: MasterOpening, stored: StoredKeyring, master: MasterKey): void {
  if (master.fingerprint !== stored.masterFingerprint) {
    const given = { derivation: derivationOf(source), fingerprint: master.fingerprint };
    throw new WrongMasterKeyError({ needed: stored, given });
  }
  const derivation = { label: derivationLabels.canaryKey, parts: [uuidBytes(stored.instanceId)] };
  const canary = master.lendKey(derivation, (key) => unwrap(sodium, { key, wrapped: stored.canary }));
  if (!canary || Buffer.from(canary).toString() !== canaryText) throw new KeyringDamagedError('canary');
}

function unwrapKeyring(opening: KeyringOpening, stored: StoredKeyring, master: MasterKey): Keyring {
  const instanceKeys = unwrapInstanceKeys(opening.sodium, stored, master);
  const keyring = opened(opening, { instanceId: stored.instanceId, master, instanceKeys });
  instanceKeys.fill(0);
  return keyring;
}

function opened(opening: KeyringOpening, content: KeyringContent): Keyring {
  const keyring = opening.keyring ?? new Keyring(opening);
  keyring.open(content);
  return keyring;
}

function unwrapInstanceKeys(
  sodium: Sodium,
  { instanceId, wrappedKeys: wrapped }: StoredKeyring,
  master: Pick<MasterKey, 'lendKey'>,
): Uint8Array {
  const derivation = { label: derivationLabels.keyringKey, parts: [uuidBytes(instanceId)] };
  const instanceKeys = master.lendKey(derivation, (key) => unwrap(sodium, { key, wrapped }));
  if (instanceKeys?.length !== instanceKeysBytes) throw new KeyringDamagedError('keys');
  return instanceKeys;
}

async function makeKeyring(opening: KeyringOpening): Promise<Keyring> {
  const { random } = opening;
  const { master, salt } = await deriveNewMaster(opening);
  const instanceKeys = random.take(instanceKeysBytes);
  try {
    const createdAt = opening.clock.now();
    const instanceId = uuidV7(createdAt.getTime(), random.take(10));
    const stored = wrapKeyring(opening, { instanceId, createdAt, master, salt, instanceKeys });
    await opening.store.insertKeyring(stored);
    return opened(opening, { instanceId: stored.instanceId, master, instanceKeys });
  } catch (error) {
    master.wipe();
    throw error;
  } finally {
    instanceKeys.fill(0);
  }
}

/** Derives a master key that has wrapped nothing yet, with a new salt for a password. */
async function deriveNewMaster({
  master: source,
  random,
  sodium,
}: Pick<KeyringOpening, 'master' | 'random' | 'sodium'>) {
  const salt = source.kind === 'password' ? random.take(saltBytes) : new Uint8Array();
  return { master: await deriveMaster(sodium, source, salt), salt };
}

interface WrappingContent extends Pick<StoredKeyring, 'instanceId' | 'createdAt' | 'salt'> {
  readonly master: MasterKey;
  readonly instanceKeys: Uint8Array;
}

function wrapKeyring(
  { sodium, random, master: source }: Pick<KeyringOpening, 'master' | 'random' | 'sodium'>,
  { createdAt, instanceId, master, salt, instanceKeys }: WrappingContent,
): StoredKeyring {
  const parts = [uuidBytes(instanceId)];
  const close = (label: DerivationLabel, content: Uint8Array) =>
    master.lendKey({ label, parts }, (key) => wrap(sodium, random, { key, content }));
  return {
    instanceId,
    derivation: derivationOf(source),
    salt,
    masterFingerprint: master.fingerprint,
    canary: close(derivationLabels.canaryKey, new TextEncoder().encode(canaryText)),
    wrappedKeys: close(derivationLabels.keyringKey, instanceKeys),
    wrappedMaster: source.kind === 'key' ? (source.wrapped ?? null) : null,
    createdAt,
  };
}

/** A new master key for a keyring that is open. */
export interface NewMaster {
  readonly master: MasterKey;
  /** Wraps the instance's keys by it. @throws KeyringDamagedError if the present master key does not unwrap them */
  readonly rewrapKeyring: (stored: StoredKeyring) => StoredKeyring;
}

/** Derives another master key for an open keyring; for a password that takes about a second. Nothing is stored yet. */
export async function deriveReplacement(
  opening: Pick<KeyringOpening, 'master' | 'random' | 'sodium'>,
  keyring: Keyring,
): Promise<NewMaster> {
  const { master, salt } = await deriveNewMaster(opening);
  return {
    master,
    rewrapKeyring(stored) {
      const instanceKeys = unwrapInstanceKeys(opening.sodium, stored, keyring);
      const { createdAt, instanceId } = stored;
      const rewrapped = wrapKeyring(opening, { createdAt, instanceId, master, salt, instanceKeys });
      instanceKeys.fill(0);
      return rewrapped;
    },
  };
}

function deriveMaster(sodium: Sodium, source: MasterKeySource, salt: Uint8Array): Promise<MasterKey> {
  return source.kind === 'password'
    ? MasterKey.fromPassword(sodium, source.password, salt)
    : Promise.resolve(MasterKey.fromBytes(sodium, source.key));
}

function derivationOf({ kind }: MasterKeySource): StoredKeyring['derivation'] {
  return kind === 'password' ? 'argon2id' : 'key';
}

/** Descriptions of where a master key comes from. */
const origins: Record<StoredKeyring['derivation'], string> = {
  argon2id: 'derived from a password',
  key: 'given as 32 bytes',
};

/** The key that the data need, and the given one. */
export interface KeyMismatch {
  readonly needed: Pick<StoredKeyring, 'derivation' | 'masterFingerprint'>;
  readonly given: {
    readonly derivation: StoredKeyring['derivation'];
    /** Absent if a password was given for data without a salt. */
    readonly fingerprint?: string;
  };
}

/** The data need another master key. The message contains both fingerprints. */
export class WrongMasterKeyError extends Error {
  constructor({ needed, given }: KeyMismatch) {
    const differs = needed.derivation !== given.derivation;
    const neededText = `key ${needed.masterFingerprint}` + (differs ? `, ${origins[needed.derivation]}` : '');
    const givenText = given.fingerprint ?? 'one';
    super(`needs ${neededText}; got ${givenText}` + (differs ? `, ${origins[given.derivation]}` : ''));
    this.name = 'WrongMasterKeyError';
  }
}

/** Data exist without the keyring that opens them. It must be restored from a backup, never created again. */
export class KeyringMissingError extends Error {
  constructor() {
    super(
      'the database holds data but no keyring; restore the keyring from a backup, since a new one could not open them',
    );
    this.name = 'KeyringMissingError';
  }
}

/** The master key is right, but the keyring does not open: its row was damaged or modified. */
export class KeyringDamagedError extends Error {
  constructor(part: 'salt' | 'canary' | 'keys') {
    super(`the ${part} of the keyring cannot be read: its row was damaged or tampered with`);
    this.name = 'KeyringDamagedError';
  }
}
