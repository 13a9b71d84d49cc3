import { existsSync } from 'node:fs';
import type { Tracer } from '@opentelemetry/api';
import type { Client } from 'pg';
import type { Logger } from 'pino';
import { issueApiKeyToken, RandomTokenSource } from '../authentication/tokens.ts';
import { ChainVerifier } from '../audit/chain-verifier.ts';
import { KeyedAuditChain } from '../audit/keyed-audit-chain.ts';
import type { Config } from '../config/config.ts';
import type { Keyring } from '../encryption/keyring.ts';
import { openKeyring, type KeyringOpening } from '../encryption/open-keyring.ts';
import { RandomPool } from '../encryption/random.ts';
import { MonotonicUuidV7 } from '../vault/ids.ts';
import { loadSodium } from '../encryption/sodium.ts';
import { WorkspaceKeys } from '../encryption/workspace-keys.ts';
import { adminKeyFile, findAdminKey } from './keys/first-admin-key.ts';
import { checkBeforeChanging, markInstance } from './instance-checks.ts';
import { readKeyFile } from './keys/key-file.ts';
import { masterKeyFile, settleKeyFile } from './keys/file-origin.ts';
import { masterKeyOriginOf } from './keys/find-master-key.ts';
import { MasterRenewal } from './keys/master-renewal.ts';
import { KeyringRotator } from './keys/rotate-master.ts';
import { createStores, type Stores } from '../store/stores/stores.ts';
import { checkDatabaseFiles, type DatabaseConnection } from '../store/postgres/connect/database-connection.ts';
import { AccessChangeListener } from '../store/identity/access-change-listener.ts';
import { openDatabase, type Database } from '../store/postgres/database.ts';
import { DatabaseProbe } from '../store/postgres/database-probe.ts';
import { DedicatedSession } from '../store/postgres/sessions/dedicated-session.ts';
import { SqlKeyringStore } from '../store/stores/key-store.ts';
import { signCredentialsOnce } from '../store/upgrade/sign-credentials.ts';
import { signFormatsOnce } from '../store/upgrade/sign-formats.ts';
import { withMigratedDatabase } from '../store/schema/migrate.ts';
import { SearchIndexTask } from '../store/schema/search-indexes.ts';
import { NoVaultError } from '../store/schema/schema-check.ts';
import { traceStores } from '../tracing/traced-calls.ts';
import { createFirstOwner } from '../vault/workspaces/first-start.ts';
import type { AuditChain, TrailVerifier } from '../vault/audit/ports.ts';
import type { PageTokens } from '../vault/search/position.ts';
import type { RequestMac } from '../vault/requests/ports.ts';
import type { Clock } from '../vault/time.ts';

/** The data of an instance, opened with its keys. */
export interface Instance {
  readonly instanceId: string;
  /** The fingerprint of the master key at the start. */
  readonly masterFingerprint: string;
  readonly database: Database;
  /** Opens a probe of the database on a session outside the pool, which the stack closes. */
  readonly openProbe: (stack: AsyncDisposableStack) => DatabaseProbe;
  readonly stores: Stores;
  /** Notifies of changes that any process makes, once it is started. */
  readonly accessChangeListener: AccessChangeListener;
  readonly ciphers: WorkspaceKeys;
  readonly rotator: KeyringRotator;
  readonly auditChain: AuditChain;
  readonly trailVerifier: TrailVerifier;
  readonly pageTokens: PageTokens;
  /** The keyed hash of requests with an id. */
  readonly requestMac: RequestMac;
  readonly searchIndexes: SearchIndexTask;
  readonly ids: MonotonicUuidV7;
  readonly tokens: RandomTokenSource;
  /** The file of the admin key, where there is one. */
  readonly adminKeyFile: string | undefined;
}

/** What an instance is opened with. */
export interface InstanceParts {
  readonly config: Config;
  /** As the tables' owner, who migrates; for the embedded PostgreSQL its superuser, which the server never works as. */
  readonly connection: DatabaseConnection;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether a new vault is made where there is none: for a server, not for a command. */
  readonly mayBegin: boolean;
  /** Cancels waiting for a database that is not reachable yet. */
  readonly signal?: AbortSignal | undefined;
  /** See `StoresParts`. */
  readonly onCommit?: (groupSize: number) => void;
  /** Records spans of the stores' calls within requests. */
  readonly tracer?: Tracer | undefined;
}

/** Signing reads and writes rows at the same time. */
const ownerPoolMax = 2;

type Opened = Pick<Instance, 'database' | 'accessChangeListener' | 'openProbe'> &
  Pick<KeyringOpening, 'sodium' | 'random'> & {
    /** Undefined where there is none yet. */
    readonly keyring: Keyring | undefined;
  };

/**
 * Migrates the database and opens its keys; the first start makes the keys and the first owner. All of it holds the
 * migration lock, so that several processes may start at the same time. The stack closes what is opened.
 */
export async function openInstance(parts: InstanceParts, stack: AsyncDisposableStack): Promise<Instance> {
  return openMigrated(parts, stack, parts.mayBegin, (opened) => openKeys(parts, opened, stack));
}

/**
 * Migrates the database as the owner of its tables, and signs rows of earlier releases where it has keys. It makes no keys.
 *
 * @throws what `openInstance` throws
 */
export async function migrateInstance(parts: Omit<InstanceParts, 'mayBegin'>): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const migration = { ...parts, mayBegin: false };
  await openMigrated(migration, stack, true, async (opened) => {
    if (opened.keyring) await openKeys(migration, opened, stack);
  });
  // Without the migration lock: a process that waits for it would in turn make the build of an index wait.
  await new SearchIndexTask(parts).runBatch(parts.signal ?? new AbortController().signal);
}

async function openMigrated<Result>(
  parts: InstanceParts,
  stack: AsyncDisposableStack,
  mayMigrate: boolean,
  work: (opened: Opened) => Promise<Result>,
): Promise<Result> {
  const { clock, config, connection, log, signal } = parts;
  if ('url' in connection) await checkDatabaseFiles(connection.url);
  const roleLogsIn = config.database.kind === 'embedded';
  const tools = { sodium: await loadSodium(), random: new RandomPool(), clock };
  let keyring: Keyring | undefined;
  const check = async (owner: Client): Promise<void> => {
    keyring = await checkBeforeChanging(owner, { ...tools, ...parts });
    stack.defer(() => keyring?.close());
  };
  const waitMs = config.databaseWaitMs;
  const options = { connection, log, roleLogsIn, mayMigrate, check, waitMs, signal };
  return withMigratedDatabase(options, async (migrated) => {
    const database = await openDatabase({ ...migrated, poolMax: config.databaseCallsMax, log });
    stack.defer(() => database.close());
    const accessChangeListener = stack.use(new AccessChangeListener({ ...migrated, database, log }));
    const openProbe = (probing: AsyncDisposableStack) => {
      const session = probing.use(new DedicatedSession(migrated.connection));
      return new DatabaseProbe({ session, role: migrated.role, database });
    };
    return work({ ...tools, database, accessChangeListener, keyring, openProbe });
  });
}

async function openKeys(parts: InstanceParts, opened: Opened, stack: AsyncDisposableStack): Promise<Instance> {
  const { config, clock, log, mayBegin } = parts;
  const { database, accessChangeListener, openProbe, random, sodium } = opened;
  const ids = new MonotonicUuidV7({ clock, random });
  if (!opened.keyring && !mayBegin) throw new NoVaultError('the database');
  const keyring = opened.keyring ?? (await makeKeyring(parts, opened, stack));
  const chain = new KeyedAuditChain(keyring.auditMac);
  const longWork = database.forLongWork();
  await signCredentialsOnce({ database: longWork, grantMac: keyring.grantMac, chain, clock });
  const { grantMac } = keyring;
  const onStandaloneCommit = () => accessChangeListener.doubt();
  const stores = traceStores(
    createStores({ ...parts, database, grantMac, chain, ids, onStandaloneCommit }),
    parts.tracer,
  );
  const origin = masterKeyOriginOf({ ...parts, sodium, isRenewal: true });
  const renewal = new MasterRenewal({ keyring, sodium, origin, store: stores.keys, log });
  const renewMaster = () => renewal.run();
  const ciphers = new WorkspaceKeys({ sodium, random, clock, store: stores.keys, keyring, renewMaster });
  stack.defer(() => ciphers.close());
  renewal.sealBy(() => ciphers.seal());
  stack.defer(renewal.listen(accessChangeListener));
  if (mayBegin && config.masterKey.kind === 'file') {
    await settleKeyFile(masterKeyFile(config), keyring.masterFingerprint, sodium);
  }
  const rotator = new KeyringRotator({ config, keyring, sodium, random, store: stores.masterRotation });
  const openOwner = () => openDatabase({ connection: parts.connection, poolMax: ownerPoolMax, role: null, log });
  await signFormatsOnce({ database: longWork, openOwner, grantMac, ciphers, chain, clock, log });
  const tokens = new RandomTokenSource();
  log.info({ masterKey: keyring.masterFingerprint, instance: keyring.instanceId }, 'the keyring is open');
  const trailVerifier = new ChainVerifier({ chain, ciphers, store: stores.auditTrail, ownHead: stores.auditHead });
  const { instanceId } = keyring;
  const instance = {
    database,
    accessChangeListener,
    openProbe,
    instanceId,
    masterFingerprint: keyring.masterFingerprint,
    stores,
    ciphers,
    rotator,
    auditChain: chain,
    trailVerifier,
    pageTokens: keyring.pageTokens,
    requestMac: grantMac,
    searchIndexes: new SearchIndexTask(parts),
    ids,
    tokens,
  };
  const keptAdminKeyFile = mayBegin ? await ensureFirstOwner(instance, parts) : undefined;
  if (config.database.kind === 'embedded') await markInstance(config, instanceId);
  return { ...instance, adminKeyFile: keptAdminKeyFile };
}

async function makeKeyring(
  parts: InstanceParts,
  { database, random, sodium }: Opened,
  stack: AsyncDisposableStack,
): Promise<Keyring> {
  const store = new SqlKeyringStore(database);
  const found = { keyring: await store.findKeyring(), holdsData: () => store.holdsData() };
  const master = await masterKeyOriginOf({ ...parts, sodium }).obtain(found);
  const keyring = await openKeyring({ sodium, random, clock: parts.clock, store, master }).finally(() => {
    if (master.kind === 'key') master.key.fill(0);
  });
  stack.defer(() => keyring.close());
  return keyring;
}

async function ensureFirstOwner(
  { ids, ciphers, stores, tokens }: Omit<Instance, 'adminKeyFile'>,
  { clock, config, log }: InstanceParts,
): Promise<string | undefined> {
  if (await stores.users.anyOwner()) {
    await warnOfUnusedAdminKey(stores, config, log);
    return findKeptAdminKey(stores, config);
  }
  const { issued, file } = await findAdminKey(config, tokens);
  await createFirstOwner({ users: stores.users, ciphers, clock, ids }, issued);
  return file;
}

/** With an external database, the file may belong to another instance. */
async function findKeptAdminKey({ access }: Stores, config: Config): Promise<string | undefined> {
  const path = adminKeyFile(config);
  if (config.database.kind === 'embedded') return existsSync(path) ? path : undefined;
  const key = await readKeyFile(path).catch(() => undefined);
  return key !== undefined && (await isKeyOfOwner(access, key)) ? path : undefined;
}

async function isKeyOfOwner(access: Stores['access'], key: string): Promise<boolean> {
  const found = await access.findApiKey(issueApiKeyToken(key).hash, new AbortController().signal);
  return found?.access.user.isOwner === true;
}

/** The setting is read only on the first start. A later change appears to replace the key, but does not. */
async function warnOfUnusedAdminKey({ access }: Stores, { adminApiKey }: Config, log: Logger): Promise<void> {
  if (adminApiKey === null || (await isKeyOfOwner(access, adminApiKey))) return;
  log.warn(
    {},
    'COFFER_ADMIN_API_KEY is not a valid key of an owner, and has no effect: it is read only before the first owner exists. The command admin-key replaces a lost key',
  );
}
