import type { Logger } from 'pino';
import type { Keyring } from '../../encryption/keyring.ts';
import { openMaster } from '../../encryption/open-keyring.ts';
import type { Sodium } from '../../encryption/sodium.ts';
import { VaultError } from '../../vault/errors.ts';
import type { AccessChanges } from '../../vault/identity/ports.ts';
import type { KeyStore } from '../../vault/workspaces/ports.ts';

import type { MasterKeyOrigin } from './master-key-origin.ts';

export interface MasterRenewalParts {
  readonly keyring: Keyring;
  readonly sodium: Sodium;
  readonly origin: MasterKeyOrigin;
  readonly store: Pick<KeyStore, 'findKeyring'>;
  readonly log: Logger;
}

/**
 * Takes over the master key by which another process has rotated: the place of the key is asked once more. Where it has not the new
 * key, the vault is sealed in this process, so that it neither writes under the old key nor answers anything wrong.
 */
export class MasterRenewal {
  readonly #parts: MasterRenewalParts;
  #running: Promise<void> | undefined;
  #seal: (() => void) | undefined;

  constructor(parts: MasterRenewalParts) {
    this.#parts = parts;
  }

  /** @param seal wipes all keys of this process */
  sealBy(seal: () => void): void {
    this.#seal = seal;
  }

  /** Renews after a notice of a rotation, or when notices may have been missed. @returns what ends that */
  listen(changes: Pick<AccessChanges, 'subscribe'>): () => void {
    return changes.subscribe(({ kind }) => {
      if (kind === 'keyring' || kind === 'any') this.run().catch(() => undefined);
    });
  }

  /**
   * Does nothing where the master key is that of the keyring.
   *
   * @throws VaultError `unavailable`, with the reason `SEALED` if the place has not the new key
   */
  async run(): Promise<void> {
    this.#running ??= this.#renew().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #renew(): Promise<void> {
    const { keyring, log, origin, sodium, store } = this.#parts;
    const stored = await store.findKeyring();
    if (!stored || stored.masterFingerprint === keyring.masterFingerprint) return;
    try {
      const source = await origin.obtain({ keyring: stored, holdsData: async () => true });
      const master = await openMaster({ sodium, master: source }, stored).finally(() => {
        if (source.kind === 'key') source.key.fill(0);
      });
      keyring.replaceMaster(master);
      log.info({ masterKey: keyring.masterFingerprint }, 'the master key was rotated, and is taken over');
    } catch (error) {
      const fields = {
        masterKey: stored.masterFingerprint,
        reason: error instanceof Error ? error.message : String(error),
      };
      log.error(
        fields,
        'the master key was rotated, and the new one is not at hand: the vault is sealed until a restart',
      );
      this.#seal?.();
      throw new VaultError('unavailable', 'the vault is sealed', { reason: 'SEALED' }, { cause: error });
    }
  }
}
