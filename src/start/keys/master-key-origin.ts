import type { MasterKeySource } from '../../encryption/open-keyring.ts';
import { parseMasterKey } from '../../encryption/master-key.ts';
import type { StoredKeyring } from '../../vault/workspaces/ports.ts';

/** What is known of the vault before its key is obtained. */
export interface KeyedVault {
  /** Undefined before the first start has made a keyring. */
  readonly keyring: StoredKeyring | undefined;
  /** Whether the vault has data: then no key is made. */
  readonly holdsData: () => Promise<boolean>;
}

/** A place that the master key is obtained from. */
export interface MasterKeyOrigin {
  /** What an operator knows it by: the name of a setting, or the path of a file. */
  readonly name: string;
  /**
   * Obtains the key, or makes it at the first start of a vault where the place can keep it.
   *
   * @throws MasterKeyUnavailableError, and `KeyFileError` for a file
   */
  obtain(vault: KeyedVault): Promise<MasterKeySource>;
}

/** The master key could not be obtained. The message names the setting, and quotes nothing of the key or of an output. */
export class MasterKeyUnavailableError extends Error {
  constructor(name: string, problem: string, options?: ErrorOptions) {
    super(`${name} ${problem}`, options);
    this.name = 'MasterKeyUnavailableError';
  }
}

/** A master key of 32 bytes. */
export type GivenKey = Extract<MasterKeySource, { kind: 'key' }>;

/** @throws MasterKeyUnavailableError for a text that is not 32 bytes in base64 */
export function masterKeyOf(name: string, text: string): GivenKey {
  const key = parseMasterKey(text);
  if (!key) throw new MasterKeyUnavailableError(name, 'does not hold 32 bytes in base64');
  return { kind: 'key', key };
}
