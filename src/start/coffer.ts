import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { Config } from '../config/config.ts';
import { startEmbeddedPostgres } from '../embedded/embedded-postgres.ts';
import { createManagement, type ManagementParts } from '../gateway/system/management.ts';
import { createMetricsTokenCheck } from '../gateway/system/serve-metrics.ts';
import { unless, withWarnings } from '../gateway/system/readiness.ts';
import { countCommits, measureInstance, measureLostEvents } from '../metrics/instance-metrics.ts';
import { loadSodium } from '../encryption/sodium.ts';
import { measureProcess } from '../metrics/process-metrics.ts';
import { type DatabaseConnection, databasePlaceOf } from '../store/postgres/connect/database-connection.ts';
import { estimateRows } from '../store/workspaces/row-estimates.ts';
import { findTracer } from '../tracing/spans.ts';
import type { Clock } from '../vault/time.ts';
import { SealState } from '../vault/workspaces/seal-state.ts';
import { createRecorders, startBackgroundWork } from './background-work.ts';
import { DatabaseReadiness } from './database-readiness.ts';
import { prepareInstance, type InstanceParts } from './instance.ts';
import { requireClusterOfKeys } from './instance-checks.ts';
import { warnOfSharedKeyFiles } from './keys/key-file.ts';
import { checkAddresses, formatAuthority, listen, listenForManagement } from './listen.ts';
import { productVersion } from './product-version.ts';
import { Sealing } from './sealing.ts';
import { requireNoKeyAtHand, requireNoNextKey } from './sealed-start.ts';
import { KeyedVaultOpener } from './unseal.ts';
import { buildServer } from './server.ts';
import { readTls, TlsWatch } from './tls-files.ts';
import { TrailLossWatch } from './trail-watch.ts';

/** Time that a stop reserves for aborting calls and closing connections; the first half is for the last responses. */
const closingMs = 1_000;
const lastResponsesMs = closingMs / 2;

/** What a Coffer is started with, in addition to its configuration. */
export interface CofferParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when the embedded database is lost to another Coffer, after which this one must stop. */
  readonly onLost?: () => void;
  /** Aborted when this process is about to exit without stopping; the embedded PostgreSQL then stops by itself. */
  readonly abandon?: AbortSignal;
  /** Cancels waiting for a database that is not reachable yet. */
  readonly signal?: AbortSignal;
}

/** A Coffer that serves. */
export interface RunningCoffer {
  /** Such as `http://127.0.0.1:3978`. */
  readonly origin: string;
  /** The second listener for health and metrics, such as `http://127.0.0.1:9090`. */
  readonly managementOrigin: string | undefined;
  /** The file of the admin key, where there is one. */
  readonly adminKeyFile: string | undefined;
  /** Whether it started sealed, and waits for its key. */
  readonly isSealed: boolean;
  /**
   * Reports not ready and keeps serving for the drain time. Then finishes calls in flight, and closes everything in the
   * reverse order of opening.
   */
  stop(): Promise<void>;
}

/**
 * Opens the database and the keys, builds the server, and listens.
 *
 * @throws KeyFileError, EmbeddedPostgresError, WrongKeySettingError and other failures; then nothing is left open
 */
export async function startCoffer(config: Config, parts: CofferParts): Promise<RunningCoffer> {
  const { clock, log, signal } = parts;
  await using stack = new AsyncDisposableStack();

  logConfig(config, log);
  await checkAddresses(config);
  requireNoKeyAtHand(config, { sodium: await loadSodium(), log });
  const tls = config.tls ? await readTls(config.tls) : undefined;
  await warnOfSharedKeyFiles(config.keyFiles, log);

  const connection = await connect(config, parts, stack);
  const metrics = new Registry();
  stack.use(measureProcess(metrics));
  const tracer = findTracer(log);
  const onCommit = countCommits(metrics);
  const opening = { config, connection, clock, log, onCommit, signal, tracer };
  const instance = await prepareInstance(opening, stack);
  const { database, accessChangeListener, stores } = instance;
  const seal = new SealState('the vault is being opened');

  const estimate = () => estimateRows(database);
  stack.use(measureInstance(metrics, { database, accessChangeListener, keys: seal, estimate }));

  const background = { instance, lifecycle: config.lifecycle, clock, log };
  const recorders = createRecorders(background);
  const lossWatch = new TrailLossWatch({ losses: stores.trailLosses, log });
  const databaseReadiness = new DatabaseReadiness({ probe: instance.openProbe(stack), health: database.health, log });
  const begin = async (): Promise<void> => {
    await accessChangeListener.start();
    await databaseReadiness.start();
    await lossWatch.start();
  };
  const work = (working: AsyncDisposableStack) => startBackgroundWork(background, recorders, working);
  const sealing = stack.use(new Sealing({ instance, opening, state: seal, begin, work, log }));
  stack.defer(() => lossWatch.stop());
  measureLostEvents(metrics, lossWatch);
  const readiness = unless(
    { notReadyReason: () => notReadyReasonOf(seal), subscribe: (changed) => seal.subscribe(changed) },
    withWarnings(databaseReadiness, () => lossWatch.warnings()),
  );
  const adminKeyFile = await startSealedOrOpen(sealing, seal, opening);

  const { sodium } = instance;
  const opener = new KeyedVaultOpener({ sealing, connection, sodium, log });
  const sealParts = { seal, sealControl: sealing, opener };
  const serving = { ...recorders, ...sealParts, readiness, tls, metrics, tracer, clock, log };
  const server = await buildServer({ config, instance, ...serving });
  // Closed after the server, so that probes observe the stop.
  const management = openManagement(config, { readiness: server.readiness, registry: metrics, log }, stack);
  const callsMs = config.shutdownTimeoutMs - Math.min(closingMs, config.shutdownTimeoutMs / 2);
  stack.defer(() => server.close(callsMs));
  stack.defer(() => databaseReadiness.stop());
  if (config.tls && tls) {
    const renew = server.renewTls.bind(server);
    stack.use(new TlsWatch({ config: config.tls, inUse: tls, use: renew, log }).start());
  }

  const address = await listen(server, config);
  const managementAddress = await management?.listen();
  warnIfPlaintextAndPublic(config, log);
  const opened = stack.move();
  return {
    origin: `${tls ? 'https' : 'http'}://${formatAuthority(address)}`,
    managementOrigin: managementAddress && `http://${formatAuthority(managementAddress)}`,
    adminKeyFile,
    isSealed: seal.isSealed,
    stop: async () => {
      server.drain();
      if (config.drainMs > 0) await delay(config.drainMs);
      // After this time only a database that does not respond can delay the stop.
      const cut = setTimeout(() => database.abort(), callsMs + lastResponsesMs);
      await opened.disposeAsync();
      clearTimeout(cut);
    },
  };
}

/** @returns the file of the admin key, where there is one */
async function startSealedOrOpen(
  sealing: Sealing,
  seal: SealState,
  { config, connection, log }: InstanceParts,
): Promise<string | undefined> {
  if (!config.sealedStart) return sealing.open({ mayBegin: true });
  await requireNoNextKey(config, connection);
  seal.seal('it waits for its key by the call Unseal');
  log.warn({}, 'the vault is sealed: it waits for its key by the call Unseal');
  return undefined;
}

function notReadyReasonOf({ reason }: SealState): string | undefined {
  return reason === undefined ? undefined : `the vault is sealed: ${reason}`;
}

/** One line with the features in use, so that a log shows which server wrote it. It contains no secret. */
function logConfig(config: Config, log: Logger): void {
  const { database, foreignVariables: variables, management, oidc, tls } = config;
  const limits = {
    callsPerKey: config.rateLimitPerKey,
    callsPerAddress: config.rateLimitPerAddress,
    connectionsPerAddress: config.connectionsPerAddress,
    databaseSessions: config.databasePoolMax,
    secretBytes: config.secretBytesMax,
  };
  const features = {
    version: productVersion(),
    tls: tls !== null,
    clientCertificates: tls !== null && tls.clientCaFile !== null,
    issuer: oidc?.issuer ?? null,
    limits,
    database: database.kind === 'embedded' ? 'embedded' : databasePlaceOf(database.url),
    management: management !== null,
  };
  log.info(features, 'starting');
  if (variables.length === 0) return;
  log.info({ variables }, 'these variables are not settings: a Kubernetes Service or a client has them');
}

async function connect(config: Config, parts: CofferParts, stack: AsyncDisposableStack): Promise<DatabaseConnection> {
  const { database, dataDir } = config;
  if (database.kind === 'server') return { url: database.url };
  await requireClusterOfKeys(config);
  const { abandon, log, onLost } = parts;
  const postgres = await startEmbeddedPostgres({
    dataDir,
    log,
    ...(onLost && { onLost: () => onLost() }),
    ...(abandon && { abandon }),
  });
  stack.defer(() => postgres.stop());
  return postgres.connection;
}

function openManagement(
  { management: address, metricsToken }: Config,
  parts: Pick<ManagementParts, 'readiness' | 'registry' | 'log'>,
  stack: AsyncDisposableStack,
) {
  if (!address) return undefined;
  const isMetricsToken = createMetricsTokenCheck(metricsToken);
  const management = createManagement({ ...parts, ...address, isMetricsToken });
  stack.defer(() => management.close());
  return { listen: () => listenForManagement(management, address) };
}

function warnIfPlaintextAndPublic({ host, tls }: Config, log: Logger): void {
  if (tls || ['127.0.0.1', '::1', 'localhost'].includes(host)) return;
  log.warn(
    { host },
    'serving without TLS on an address that others may reach: put a TLS proxy in front, or set COFFER_TLS_CERT',
  );
}
