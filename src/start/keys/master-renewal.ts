import type { Logger } from 'pino';
import type { Keyring } from '../../encryption/keyring.ts';
import type { MasterKey } from '../../encryption/master-key.ts';
import { openMaster } from '../../encryption/open-keyring.ts';
import type { Sodium } from '../../encryption/sodium.ts';
import { VaultError, vaultSealed } from '../../vault/errors.ts';
import type { AccessChanges } from '../../vault/identity/ports.ts';
import type { KeyStore, StoredKeyring } from '../../vault/workspaces/ports.ts';

import type { MasterKeyOrigin } from './master-key-origin.ts';

/** The length of a fingerprint of a master key, in hex digits. */
const fingerprintLength = 16;

export interface MasterRenewalParts {
  readonly keyring: Keyring;
  readonly sodium: Sodium;
  readonly origin: MasterKeyOrigin;
  readonly store: Pick<KeyStore, 'findKeyring' | 'isMasterInUse'>;
  readonly log: Logger;
}

/**
 * Takes over the master key after a rotation by another process: the key is obtained once more from its place. If the new key is
 * not there, the vault is sealed in this process, so that it neither writes under the old key nor returns anything wrong.
 *
 * A changed keyring proves no rotation, because its row has no MAC. A key of a workspace proves it: the MAC over its row covers the
 * fingerprint of the master key, and only a process with the keys of the instance can compute it.
 *
 * @see docs/decisions/0050-rotating-the-master-key.md
 */
export class MasterRenewal {
  readonly #parts: MasterRenewalParts;
  #running: Promise<void> | undefined;
  #seal: ((reason: string) => void) | undefined;

  constructor(parts: MasterRenewalParts) {
    this.#parts = parts;
  }

  /** @param seal wipes all keys of this process; its reason is for the operator */
  sealBy(seal: (reason: string) => void): void {
    this.#seal = seal;
  }

  /** Renews after a notice of a rotation, or when notices may have been missed. @returns what ends that */
  listen(changes: Pick<AccessChanges, 'subscribe'>): () => void {
    return changes.subscribe(({ kind }) => {
      if (kind === 'keyring' || kind === 'any') this.run().catch(() => undefined);
    });
  }

  /**
   * Does nothing where the master key is that of the keyring, or the vault is sealed.
   *
   * @throws VaultError `unavailable` with the reason `SEALED` if the place does not have the new key, or `secret_unreadable` if the
   *   keyring was modified outside of Coffer
   */
  async run(): Promise<void> {
    this.#running ??= this.#renew().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #renew(): Promise<void> {
    const { keyring, log, store } = this.#parts;
    for (;;) {
      const stored = await store.findKeyring();
      if (!keyring.isOpen || !stored || stored.masterFingerprint === keyring.masterFingerprint) return;
      try {
        keyring.replaceMaster(await this.#obtain(stored));
        log.info({ masterKey: keyring.masterFingerprint }, 'the master key was rotated, and is taken over');
      } catch (error) {
        if (!keyring.isOpen) return;
        const later = await store.findKeyring();
        if (later?.masterFingerprint === stored.masterFingerprint) throw await this.#refusalOf(stored, error);
      }
      // It may have been rotated once more meanwhile, by this process too.
    }
  }

  async #obtain(stored: StoredKeyring): Promise<MasterKey> {
    const { origin, sodium } = this.#parts;
    const source = await origin.obtain({ keyring: stored, holdsData: async () => true });
    return openMaster({ sodium, master: source }, stored).finally(() => {
      if (source.kind === 'key') source.key.fill(0);
    });
  }

  async #refusalOf({ masterFingerprint: masterKey }: StoredKeyring, cause: unknown): Promise<VaultError> {
    const { log, store } = this.#parts;
    if (!(await store.isMasterInUse(masterKey))) {
      // Somebody else has written the fingerprint, of any length.
      log.error(
        { masterKey: masterKey.slice(0, fingerprintLength) },
        'the keyring was changed outside of Coffer: it is ignored until the next start',
      );
      return new VaultError('secret_unreadable', 'the keyring cannot be read', {}, { cause });
    }
    log.error(
      { masterKey, reason: cause instanceof Error ? cause.message : String(cause) },
      'the master key was rotated, and the new one is not at hand: the vault is sealed until it is given',
    );
    this.#seal?.('the master key was rotated, and the new one is not at hand');
    return vaultSealed(cause);
  }
}
