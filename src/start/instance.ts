import type { Tracer } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { ChainVerifier } from '../audit/chain-verifier.ts';
import { KeyedAuditChain } from '../audit/keyed-audit-chain.ts';
import { RandomTokenSource } from '../authentication/tokens.ts';
import type { Config } from '../config/config.ts';
import { Keyring } from '../encryption/keyring.ts';
import { RandomPool } from '../encryption/random.ts';
import { loadSodium, type Sodium } from '../encryption/sodium.ts';
import { WorkspaceKeys } from '../encryption/workspace-keys.ts';
import { AccessChangeListener } from '../store/identity/access-change-listener.ts';
import { checkDatabaseFiles, type DatabaseConnection } from '../store/postgres/connect/database-connection.ts';
import { DatabaseProbe } from '../store/postgres/database-probe.ts';
import { openDatabase, type Database, type DatabaseOptions } from '../store/postgres/database.ts';
import { DedicatedSession } from '../store/postgres/sessions/dedicated-session.ts';
import { servingSession } from '../store/schema/migrate.ts';
import { SearchIndexTask } from '../store/schema/search-indexes.ts';
import { createStores, type Stores } from '../store/stores/stores.ts';
import { traceStores } from '../tracing/traced-calls.ts';
import type { AuditChain, TrailVerifier } from '../vault/audit/ports.ts';
import { MonotonicUuidV7, type RandomSource } from '../vault/ids.ts';
import type { RequestMac } from '../vault/requests/ports.ts';
import type { PageTokens } from '../vault/search/position.ts';
import type { Clock } from '../vault/time.ts';
import { masterKeyOriginOf } from './keys/find-master-key.ts';
import { MasterRenewal } from './keys/master-renewal.ts';
import { KeyringRotator } from './keys/rotate-master.ts';

/** An instance, with its keys once it was opened. Nothing of the database is usable before. */
export interface Instance {
  readonly keyring: Keyring;
  readonly database: Database;
  /** Opens a probe of the database on a session outside the pool, which the stack closes. */
  readonly openProbe: (stack: AsyncDisposableStack) => DatabaseProbe;
  readonly stores: Stores;
  /** Notifies of changes that any process makes, once it is started. */
  readonly accessChangeListener: AccessChangeListener;
  readonly ciphers: WorkspaceKeys;
  readonly rotator: KeyringRotator;
  readonly renewal: MasterRenewal;
  readonly auditChain: AuditChain;
  readonly trailVerifier: TrailVerifier;
  readonly pageTokens: PageTokens;
  /** The keyed hash of requests with an id. */
  readonly requestMac: RequestMac;
  readonly searchIndexes: SearchIndexTask;
  readonly ids: MonotonicUuidV7;
  readonly tokens: RandomTokenSource;
  readonly sodium: Sodium;
  readonly random: RandomSource;
  /** Sessions that are opened from now on set this role. */
  readonly useRole: (role: DatabaseOptions['role']) => void;
}

/** What an instance is constructed with. */
export interface InstanceParts {
  readonly config: Config;
  /** As the tables' owner, who migrates; for the embedded PostgreSQL its superuser, which the server never works as. */
  readonly connection: DatabaseConnection;
  readonly clock: Clock;
  readonly log: Logger;
  /** Cancels waiting for a database, or for a server that holds the master key, that is not reachable yet. */
  readonly signal?: AbortSignal | undefined;
  /** See `StoresParts`. */
  readonly onCommit?: (groupSize: number) => void;
  /** Records spans of the stores' calls within requests. */
  readonly tracer?: Tracer | undefined;
}

/** Constructs an instance without its keys. It connects to nothing. The stack closes what is opened later. */
export async function prepareInstance(parts: InstanceParts, stack: AsyncDisposableStack): Promise<Instance> {
  const { clock, config, connection, log } = parts;
  if ('url' in connection) await checkDatabaseFiles(connection.url);
  const [sodium, random] = [await loadSodium(), new RandomPool()];
  const keyring = new Keyring({ sodium, random });
  stack.defer(() => keyring.close());
  const { useRole, ...sessions } = await prepareDatabase(parts, stack);
  const { accessChangeListener, database } = sessions;
  const ids = new MonotonicUuidV7({ clock, random });
  const { grantMac } = keyring;
  const chain = new KeyedAuditChain(keyring.auditMac);
  const onStandaloneCommit = () => accessChangeListener.doubt();
  const created = createStores({ ...parts, database, grantMac, chain, ids, onStandaloneCommit });
  const stores = traceStores(created, parts.tracer);
  const origin = masterKeyOriginOf({ ...parts, sodium, isRenewal: true });
  const renewal = new MasterRenewal({ keyring, sodium, origin, store: stores.keys, log });
  const renewMaster = () => renewal.run();
  const ciphers = new WorkspaceKeys({ sodium, random, clock, store: stores.keys, keyring, renewMaster });
  stack.defer(() => ciphers.close());
  stack.defer(renewal.listen(accessChangeListener));
  return {
    ...sessions,
    useRole,
    keyring,
    stores,
    ciphers,
    renewal,
    rotator: new KeyringRotator({ config, keyring, sodium, random, store: stores.masterRotation }),
    auditChain: chain,
    trailVerifier: new ChainVerifier({ chain, ciphers, store: stores.auditTrail, ownHead: stores.auditHead }),
    pageTokens: keyring.pageTokens,
    requestMac: grantMac,
    searchIndexes: new SearchIndexTask(parts),
    ids,
    tokens: new RandomTokenSource(),
    sodium,
    random,
  };
}

/** The role of sessions is known only once the schema was migrated, which needs the keys. */
async function prepareDatabase({ config, connection, log }: InstanceParts, stack: AsyncDisposableStack) {
  const serving = servingSession({ connection, roleLogsIn: config.database.kind === 'embedded' }, null);
  const sessions = { connection: serving.connection, role: serving.role };
  const options = {
    connection: sessions.connection,
    get role() {
      return sessions.role;
    },
    poolMax: config.databaseCallsMax,
    log,
  };
  const database = await openDatabase(options);
  stack.defer(() => database.close());
  const listening = {
    connection: sessions.connection,
    get role() {
      return sessions.role;
    },
    database,
    log,
  };
  return {
    database,
    accessChangeListener: stack.use(new AccessChangeListener(listening)),
    openProbe: (probing: AsyncDisposableStack) => {
      const session = probing.use(new DedicatedSession(sessions.connection));
      const probe = {
        session,
        get role() {
          return sessions.role;
        },
        database,
      };
      return new DatabaseProbe(probe);
    },
    useRole: (role: DatabaseOptions['role']) => {
      sessions.role = role;
    },
  };
}
