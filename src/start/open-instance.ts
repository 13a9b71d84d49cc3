import type { Client } from 'pg';
import { openKeyring } from '../encryption/open-keyring.ts';
import { openDatabase } from '../store/postgres/database.ts';
import { withMigratedDatabase } from '../store/schema/migrate.ts';
import { NoVaultError } from '../store/schema/schema-check.ts';
import { SearchIndexTask } from '../store/schema/search-indexes.ts';
import { SqlKeyringStore } from '../store/stores/key-store.ts';
import { signCredentialsOnce } from '../store/upgrade/sign-credentials.ts';
import { signFormatsOnce } from '../store/upgrade/sign-formats.ts';
import { ensureFirstOwner } from './first-owner.ts';
import { checkBeforeChanging, markInstance } from './instance-checks.ts';
import { prepareInstance, type Instance, type InstanceParts } from './instance.ts';
import { masterKeyFile, settleKeyFile } from './keys/file-origin.ts';
import { removeUnfinishedKeyFiles } from './keys/key-file.ts';
import { masterKeyOriginOf } from './keys/find-master-key.ts';
import type { MasterKeyOrigin } from './keys/master-key-origin.ts';

/** How an instance is opened. */
export interface OpeningOptions {
  /** Whether a new vault is made where there is none: for a server, not for a command. */
  readonly mayBegin: boolean;
  /** Whether the schema is migrated; by default where a vault may be made. */
  readonly mayMigrate?: boolean;
  /** Is called with the keys of an existing vault in memory, before anything is changed, and may refuse by an error. */
  readonly accept?: () => void;
  /** Where the master key is obtained; by default the place that the settings name. */
  readonly origin?: MasterKeyOrigin;
  /** How long to wait for a database that is not reachable yet; by default that of the settings. */
  readonly waitMs?: number;
}

/** What an instance that exists is opened by. */
export type OpeningParts = InstanceParts & Pick<OpeningOptions, 'mayBegin'>;

/** Signing reads and writes rows at the same time. */
const ownerPoolMax = 2;

/** Constructs an instance and opens it. The stack closes what is opened. @throws what `openKeys` throws */
export async function openInstance(
  { mayBegin, ...parts }: OpeningParts,
  stack: AsyncDisposableStack,
): Promise<Instance> {
  const instance = await prepareInstance(parts, stack);
  await openKeys(instance, parts, { mayBegin });
  return instance;
}

/**
 * Migrates the database as the owner of its tables, and signs rows of earlier releases where it has keys. It makes no keys.
 *
 * @throws what `openKeys` throws
 */
export async function migrateInstance(parts: InstanceParts): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const instance = await prepareInstance(parts, stack);
  await openKeys(instance, parts, { mayBegin: false, mayMigrate: true }).catch((error: unknown) => {
    if (!(error instanceof NoVaultError)) throw error;
  });
  // Without the migration lock: a process that waits for it would in turn make the build of an index wait.
  await new SearchIndexTask(parts).runBatch(parts.signal ?? new AbortController().signal);
}

/**
 * Migrates the database and opens the keys of an instance; the first start makes the keys and the first owner. All of it holds the
 * migration lock, so that several processes may start at the same time. A failure may leave the keyring open.
 *
 * @returns the file of the admin key, where there is one
 * @throws NoVaultError if there is no vault and none may be made, once the database was migrated; what `checkBeforeChanging` and
 *   `withMigratedDatabase` throw
 */
export async function openKeys(
  instance: Instance,
  parts: InstanceParts,
  options: OpeningOptions,
): Promise<string | undefined> {
  const { clock, config, connection, log, signal } = parts;
  const { accept, mayBegin, mayMigrate = mayBegin, origin, waitMs = config.databaseWaitMs } = options;
  const { keyring, random, sodium } = instance;
  const check = async (owner: Client): Promise<void> => {
    await checkBeforeChanging(owner, { config, sodium, random, clock, log, signal, mayBegin, keyring, origin });
    if (keyring.isOpen) accept?.();
  };
  const roleLogsIn = config.database.kind === 'embedded';
  const migration = { connection, log, roleLogsIn, mayMigrate, check, waitMs, signal };
  return withMigratedDatabase(migration, async ({ role }) => {
    instance.useRole(role);
    if (!keyring.isOpen && !mayBegin) throw new NoVaultError('the database');
    if (!keyring.isOpen) await makeKeyring(instance, parts);
    await signRows(instance, parts);
    if (mayBegin) await removeUnfinishedKeyFiles(config.dataDir, clock.now().getTime());
    if (mayBegin && config.masterKey.kind === 'file') {
      await settleKeyFile(masterKeyFile(config), keyring.masterFingerprint, sodium);
    }
    log.info({ masterKey: keyring.masterFingerprint, instance: keyring.instanceId }, 'the keyring is open');
    const keptAdminKeyFile = mayBegin ? await ensureFirstOwner(instance, parts) : undefined;
    if (config.database.kind === 'embedded') await markInstance(config, keyring.instanceId);
    return keptAdminKeyFile;
  });
}

/** Signs the rows of earlier releases. */
async function signRows(instance: Instance, { clock, connection, log }: InstanceParts): Promise<void> {
  const { auditChain: chain, ciphers, keyring } = instance;
  const { grantMac } = keyring;
  const database = instance.database.forLongWork();
  await signCredentialsOnce({ database, grantMac, chain, clock });
  ciphers.unseal();
  const openOwner = () => openDatabase({ connection, poolMax: ownerPoolMax, role: null, log });
  await signFormatsOnce({ database, openOwner, grantMac, ciphers, chain, clock, log });
}

async function makeKeyring({ database, keyring, random, sodium }: Instance, parts: InstanceParts): Promise<void> {
  const store = new SqlKeyringStore(database);
  const found = { keyring: await store.findKeyring(), holdsData: () => store.holdsData() };
  const master = await masterKeyOriginOf({ ...parts, sodium }).obtain(found);
  await openKeyring({ sodium, random, clock: parts.clock, store, master, keyring }).finally(() => {
    if (master.kind === 'key') master.key.fill(0);
  });
}
