import { unlink } from 'node:fs/promises';
import type { Config } from '../../config/config.ts';
import type { Keyring } from '../../encryption/keyring.ts';
import { deriveReplacement, type MasterKeySource } from '../../encryption/open-keyring.ts';
import type { Sodium } from '../../encryption/sodium.ts';
import type { AuditEvent } from '../../vault/audit/audit-event.ts';
import type { RandomSource } from '../../vault/ids.ts';
import { VaultError } from '../../vault/errors.ts';
import type { Keeping } from '../../vault/requests/ports.ts';
import type {
  MasterKeyRotator,
  MasterRotationStore,
  RotatedMaster,
  WrappedWorkspaceKey,
} from '../../vault/workspaces/ports.ts';
import { masterKeyFile, settleKeyFile, writeNextKey } from './file-origin.ts';

export interface KeyringRotatorParts {
  readonly config: Pick<Config, 'dataDir' | 'masterKey'>;
  readonly keyring: Keyring;
  readonly sodium: Sodium;
  readonly random: RandomSource;
  readonly store: MasterRotationStore;
}

/** Rotates the master key of an open keyring. */
export class KeyringRotator implements MasterKeyRotator {
  readonly #parts: KeyringRotatorParts;

  constructor(parts: KeyringRotatorParts) {
    this.#parts = parts;
  }

  /**
   * The next key is on the disk before anything is wrapped by it, and takes its place in `master.key` after that. A start in between
   * finds the one of the two that the keyring names.
   */
  async rotateFile(event: AuditEvent, keeping?: Keeping<RotatedMaster>): Promise<RotatedMaster> {
    const { config, sodium } = this.#parts;
    if (config.masterKey.kind !== 'file') throw needsCommand();
    const path = masterKeyFile(config);
    const next = await writeNextKey(path, sodium);
    const rotated = await this.rotateTo(next.source, event, keeping).catch(async (error: unknown) => {
      if (!mayBeDone(error)) await unlink(next.file);
      throw error;
    });
    await settleKeyFile(path, rotated.fingerprint, sodium);
    return rotated;
  }

  /**
   * Wraps everything by another master key. The caller keeps it first, where the next start finds it.
   *
   * @param source its bytes are wiped
   */
  async rotateTo(source: MasterKeySource, event: AuditEvent, keeping?: Keeping<RotatedMaster>): Promise<RotatedMaster> {
    const { keyring, random, sodium, store } = this.#parts;
    const { master, rewrapKeyring } = await deriveReplacement({ sodium, random, master: source }, keyring);
    if (source.kind === 'key') source.key.fill(0);
    const { fingerprint } = master;
    if (fingerprint === keyring.masterFingerprint) {
      master.wipe();
      throw alreadyPresent(fingerprint);
    }
    const rewrapKey = (present: WrappedWorkspaceKey) => keyring.rewrapWorkspaceKey(present, master);
    try {
      const rotated = await store.rotateMaster({ fingerprint, rewrapKeyring, rewrapKey, event, keeping });
      keyring.replaceMaster(master);
      return rotated;
    } catch (error) {
      master.wipe();
      throw error;
    }
  }
}

/** Whether the rotation may have been committed although its answer was lost. */
function mayBeDone(error: unknown): boolean {
  return !(error instanceof VaultError) || error.code === 'unavailable';
}

function alreadyPresent(fingerprint: string): VaultError {
  return new VaultError('failed_precondition', `${fingerprint} is the master key already`);
}

function needsCommand(): VaultError {
  const message = 'the master key comes from elsewhere: rotate it by the command keys rotate-master on the machine';
  return new VaultError('failed_precondition', message, { reason: 'USE_COMMAND' });
}
