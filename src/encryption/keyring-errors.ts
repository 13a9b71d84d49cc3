import type { StoredKeyring } from '../vault/workspaces/ports.ts';

/** How the master key was had, in words. */
const origins: Record<StoredKeyring['derivation'], string> = {
  argon2id: 'derived from a password',
  key: 'given as 32 bytes',
};

/** The key that the data need, and the one that was given. */
export interface KeyMismatch {
  readonly needed: Pick<StoredKeyring, 'derivation' | 'masterFingerprint'>;
  readonly given: {
    readonly derivation: StoredKeyring['derivation'];
    /** Absent where a password was given for data that have no salt. */
    readonly fingerprint?: string;
  };
}

/** The master key is not the one that the data were sealed under; names both by their fingerprints. */
export class WrongMasterKeyError extends Error {
  constructor({ needed, given }: KeyMismatch) {
    const differs = needed.derivation !== given.derivation;
    const neededText = `key ${needed.masterFingerprint}` + (differs ? `, ${origins[needed.derivation]}` : '');
    const givenText = given.fingerprint ?? 'one';
    super(`needs ${neededText}; got ${givenText}` + (differs ? `, ${origins[given.derivation]}` : ''));
    this.name = 'WrongMasterKeyError';
  }
}

/** Data exist, but the keyring that opens them does not: it is to be restored from a backup, never made anew. */
export class KeyringMissingError extends Error {
  constructor() {
    super(
      'the database holds data but no keyring; restore the keyring from a backup, since a new one could not open them',
    );
    this.name = 'KeyringMissingError';
  }
}

/** The keyring does not open, though not for want of the right key: its row was damaged or tampered with. */
export class KeyringDamagedError extends Error {
  constructor(part: 'salt' | 'canary' | 'keys') {
    super(`the ${part} of the keyring can't be read: its row was damaged or tampered with`);
    this.name = 'KeyringDamagedError';
  }
}
