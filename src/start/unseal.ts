import type { Client } from 'pg';
import type { Logger } from 'pino';
import { parseMasterKey } from '../encryption/master-key.ts';
import { openMaster, WrongMasterKeyError, type MasterKeySource } from '../encryption/open-keyring.ts';
import type { Sodium } from '../encryption/sodium.ts';
import { translateFailure } from '../store/postgres/connect/database-failure.ts';
import type { DatabaseConnection } from '../store/postgres/connect/database-connection.ts';
import { asAppRole } from '../store/schema/app-role.ts';
import { isServingUser } from '../store/schema/schema-check.ts';
import { VaultError } from '../vault/errors.ts';
import type { StoredKeyring } from '../vault/workspaces/ports.ts';
import type { GivenMasterKey, GivenShares, VaultOpener } from '../vault/workspaces/unsealing.ts';
import { explainError } from './explain-error.ts';
import { openReadOnlySession } from './inspect-instance.ts';
import { findStoredKeyring } from './instance-checks.ts';
import type { MasterKeyOrigin } from './keys/master-key-origin.ts';
import { ShareCollection } from './keys/share-collection.ts';
import type { Sealing } from './sealing.ts';

/** What a sealed vault is opened with. */
export interface UnsealParts {
  readonly sealing: Sealing;
  /** As that of `InstanceParts`. */
  readonly connection: DatabaseConnection;
  readonly sodium: Sodium;
  readonly log: Logger;
}

/**
 * Opens a sealed vault with a key that a caller gives. The key is checked against the keyring over a read-only session first, so
 * that a wrong one neither migrates anything nor takes the migration lock.
 */
export class KeyedVaultOpener implements VaultOpener {
  readonly #parts: UnsealParts;
  readonly #shares = new ShareCollection();

  constructor(parts: UnsealParts) {
    this.#parts = parts;
  }

  parseKey(text: string): Uint8Array {
    const key = parseMasterKey(text.trim());
    if (!key) throw new VaultError('invalid_argument', 'key must be 32 bytes in base64', { field: 'key' });
    return key;
  }

  async addShare(text: string): Promise<GivenShares> {
    return this.#inSession(async (session, stored) => this.#shares.add(text, session, stored.masterFingerprint));
  }

  async open(given: GivenMasterKey, prepared: () => Promise<void>): Promise<void> {
    const key = await this.#check(given).finally(() => wipe(given));
    const origin: MasterKeyOrigin = { name: 'the given key', obtain: async () => ({ kind: 'key', key }) };
    try {
      await this.#parts.sealing.open({ mayBegin: false, mayMigrate: true, waitMs: 0, origin }, prepared);
      this.#shares.clear();
    } catch (error) {
      throw this.#refusalOf(error);
    } finally {
      key.fill(0);
    }
  }

  /** @returns the key of the vault, which a password takes a second to derive */
  async #check(given: GivenMasterKey): Promise<Uint8Array> {
    const { sodium } = this.#parts;
    const source: MasterKeySource = given.kind === 'password' ? given : { kind: 'key', key: given.key };
    const stored = await this.#inSession(async (_session, found) => found);
    try {
      const master = await openMaster({ sodium, master: source }, stored);
      const key = master.copy();
      master.wipe();
      return key;
    } catch (error) {
      // The shares together gave a wrong key, so that one of them is wrong.
      if (given.kind === 'share') this.#shares.clear();
      throw this.#refusalOf(error, given);
    }
  }

  /** Reads the database as it is, before any migration. */
  async #inSession<Result>(read: (session: Client, stored: StoredKeyring) => Promise<Result>): Promise<Result> {
    await using stack = new AsyncDisposableStack();
    try {
      const session = await openReadOnlySession(this.#parts.connection, stack);
      const readStored = async (): Promise<Result> => {
        const stored = await findStoredKeyring(session);
        if (!stored) throw noVault();
        return read(session, stored);
      };
      return (await isServingUser(session)) ? await asAppRole(session, readStored) : await readStored();
    } catch (error) {
      throw this.#refusalOf(translateFailure(error));
    }
  }

  /** The operator gets the reason; a caller without authentication gets no more than whether another key may help. */
  #refusalOf(error: unknown, given?: GivenMasterKey): unknown {
    if (error instanceof VaultError) return error;
    this.#parts.log.warn({ reason: explainError(error) }, 'the vault could not be unsealed');
    if (error instanceof WrongMasterKeyError) {
      const field = given?.kind ?? 'key';
      return new VaultError('invalid_argument', `${field} is not that of this vault`, { field }, { cause: error });
    }
    const message = 'the vault cannot be opened: the log of the server has the reason';
    return new VaultError('failed_precondition', message, {}, { cause: error });
  }
}

function noVault(): VaultError {
  return new VaultError(
    'failed_precondition',
    'there is no vault yet: its first start needs the key at hand, without COFFER_SEALED_START',
  );
}

function wipe(given: GivenMasterKey): void {
  if (given.kind !== 'password') given.key.fill(0);
}
