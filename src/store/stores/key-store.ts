import type { InferEntity } from '@mikro-orm/postgresql';
import { VaultError } from '../../vault/errors.ts';
import type { KeyStore, StoredKeyring, WrappedWorkspaceKey } from '../../vault/workspaces/ports.ts';
import type { Database } from '../postgres/database.ts';
import { UserEntity } from '../entities/identity.ts';
import { KeyringEntity, WorkspaceEntity, WorkspaceKeyEntity } from '../entities/workspace.ts';
import type { GrantGuard } from '../identity/grant-guard.ts';
import { workspaceKeyGrants } from '../identity/grant-tables.ts';
import { isAfterId } from '../postgres/statements/entity-query.ts';
import { wrappedKeyOf } from '../workspaces/workspace-rows.ts';

/** How many workspaces' keys are looked at in one statement. */
const workspacesAtATime = 500;

/** The part of the keys that is needed before the keyring is open, and with it the MAC of all other rows. */
export type KeyringStore = Pick<KeyStore, 'findKeyring' | 'holdsData' | 'insertKeyring'>;

/** The instance's keyring in PostgreSQL. It needs no MAC: its bytes are sealed by the master key. */
export class SqlKeyringStore implements KeyringStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async findKeyring(): Promise<StoredKeyring | undefined> {
    const [row] = await this.#database.find({}, KeyringEntity, { where: { id: 1 } });
    return row && keyringOf(row);
  }

  /** Credentials cannot be seen from here, but by foreign key there is none without its workspace. */
  async holdsData(): Promise<boolean> {
    const any = { where: {}, limit: 1 };
    const workspaces = await this.#database.find({}, WorkspaceEntity, any);
    const users = await this.#database.find({}, UserEntity, any);
    return workspaces.length > 0 || users.length > 0;
  }

  async insertKeyring(keyring: StoredKeyring): Promise<void> {
    await this.#database.transact({}, (transaction) => transaction.insert(KeyringEntity, { id: 1, ...keyring }));
  }
}

/** The keyring, and the workspaces' keys, in PostgreSQL. */
export class SqlKeyStore extends SqlKeyringStore implements KeyStore {
  readonly #database: Database;
  readonly #guard: GrantGuard;

  constructor(database: Database, guard: GrantGuard) {
    super(database);
    this.#database = database;
    this.#guard = guard;
  }

  async findWorkspaceKeys(workspaceId: string): Promise<readonly WrappedWorkspaceKey[]> {
    const orderBy = { createdAt: 'desc', keyId: 'desc' } as const;
    const criteria = { where: { workspaceId }, orderBy };
    const rows = await this.#database.find({ workspaces: [workspaceId] }, WorkspaceKeyEntity, criteria);
    const sound = rows.filter((row) => this.#guard.isGenuine(workspaceKeyGrants, row));
    // Without the unsound one an older key would be the current one, and seal again.
    if (sound.length < rows.length) throw keysUnsound();
    return sound.map(wrappedKeyOf);
  }

  async isMasterInUse(masterFingerprint: string): Promise<boolean> {
    for (let after: string | undefined; ;) {
      const page = { where: isAfterId(after), orderBy: { id: 'asc' }, limit: workspacesAtATime } as const;
      const ids = (await this.#database.find({}, WorkspaceEntity, page)).map(({ id }) => id);
      const where = { workspaceId: { $in: ids }, masterFingerprint };
      const rows = await this.#database.find({ workspaces: ids }, WorkspaceKeyEntity, { where });
      if (rows.some((row) => this.#guard.isGenuine(workspaceKeyGrants, row))) return true;
      if (ids.length < workspacesAtATime) return false;
      after = ids.at(-1);
    }
  }
}

/** The keyring in a row. */
export function keyringOf(row: InferEntity<typeof KeyringEntity>): StoredKeyring {
  const { instanceId, createdAt, wrappedMaster = null, ...wrapping } = row;
  return { instanceId, createdAt, ...wrappingOf({ ...wrapping, wrappedMaster }) };
}

/** What a rotation of the master key changes of a keyring. */
export function wrappingOf(keyring: Omit<StoredKeyring, 'instanceId' | 'createdAt'>) {
  const { canary, derivation, masterFingerprint, salt, wrappedKeys, wrappedMaster } = keyring;
  return { canary, derivation, masterFingerprint, salt, wrappedKeys, wrappedMaster };
}

/** The refusal if a row of a key fails its MAC, or is missing. Its cause is for the log only. */
export function keysUnsound(): VaultError {
  const cause = new Error('a key of the workspace fails its MAC: it was tampered with, and none of them is used');
  return new VaultError('secret_unreadable', 'the secret cannot be read', {}, { cause });
}
