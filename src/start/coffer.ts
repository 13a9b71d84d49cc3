import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { Config } from '../config/config.ts';
import { startEmbeddedPostgres } from '../embedded/embedded-postgres.ts';
import { createManagement, type ManagementParts } from '../gateway/system/management.ts';
import { createMetricsTokenCheck } from '../gateway/system/metrics-token.ts';
import { productVersion } from './product-version.ts';
import { databasePlaceOf } from '../store/postgres/connect/database-url.ts';
import { openInstance, type Instance } from './instance.ts';
import { logHeads } from './head-log.ts';
import { TrailLossWatch } from './trail-loss-watch.ts';
import { withWarnings } from '../gateway/system/readiness.ts';
import { DatabaseReadiness } from './database-readiness.ts';
import { buildServer } from './server.ts';
import type { DatabaseConnection } from '../store/postgres/connect/database-connection.ts';
import { estimateRows } from '../store/workspaces/row-estimates.ts';
import { watchGrantChannel } from '../metrics/access-metrics.ts';
import { countKeys } from '../metrics/key-metrics.ts';
import { countCommits, countConnections, countDatabaseFailures } from '../metrics/store-metrics.ts';
import { measureLostEvents } from '../metrics/trail-metrics.ts';
import { refuseMissingCluster } from './instance-marker.ts';
import { checkAddresses, formatAuthority, listen, listenForManagement } from './listen.ts';
import { measureProcess } from '../metrics/process-metrics.ts';
import { warnOfSharedKeyFiles } from './shared-key-files.ts';
import { readTls, TlsWatch } from './tls-files.ts';
import { findTracer } from '../tracing/find-tracer.ts';
import type { Clock } from '../vault/time.ts';
import { DenialRecorder } from '../vault/audit/access-denials.ts';
import { KeyUseRecorder, UseRecorder } from '../vault/usage/usage-recorder.ts';
import { WorkspacePurge } from '../vault/workspaces/workspace-purge.ts';

/** What a stop leaves of its time for cutting calls off and closing connections; the first half is for the calls' last words. */
const closingMs = 1_000;
const lastWordsMs = closingMs / 2;
const useFlushEveryMs = 1_000;
const denialFlushEveryMs = 60_000;
/** How long the keys of a workspace that another process deleted stay in this one at most, where its notice is lost. */
const purgeEveryMs = 10_000;

/** What a Coffer is started with, beside its configuration. */
export interface CofferParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Told when the embedded database is lost to another Coffer: stop. */
  readonly onLost?: () => void;
  /** Aborted when this process is about to end without stopping: the embedded PostgreSQL then stops by itself. */
  readonly abandon?: AbortSignal;
  /** Ends the waiting for a database that is not there yet. */
  readonly signal?: AbortSignal;
}

/** A Coffer that serves. */
export interface RunningCoffer {
  /** Such as `http://127.0.0.1:3978`. */
  readonly origin: string;
  /** Where health and metrics are served apart, such as `http://127.0.0.1:9090`. */
  readonly managementOrigin: string | undefined;
  /** The file of the admin key, where there is one. */
  readonly adminKeyFile: string | undefined;
  /**
   * Denies readiness and serves on for as long as it is to be drained; then finishes what is in flight, and closes everything
   * in the reverse order of opening.
   */
  stop(): Promise<void>;
}

/**
 * Opens the database and the keys, builds the server, and listens.
 *
 * @throws KeyFileError, EmbeddedPostgresError, WrongMasterKeyError and others with what is wrong; then nothing is left open
 */
export async function startCoffer(config: Config, parts: CofferParts): Promise<RunningCoffer> {
  await using opening = new AsyncDisposableStack();
  reportConfig(config, parts.log);
  await checkAddresses(config);
  const tls = config.tls ? await readTls(config.tls) : undefined;
  await warnOfSharedKeyFiles(config.keyFiles, parts.log);
  const connection = await connect(config, parts, opening);
  const metrics = new Registry();
  opening.use(measureProcess(metrics));
  const { clock, log } = parts;
  const onCommit = countCommits(metrics);
  const tracer = findTracer(log);
  const instance = await openInstance(
    { config, connection, clock, log, mayBegin: true, onCommit, signal: parts.signal, tracer },
    opening,
  );
  countConnections(metrics, instance.database);
  countDatabaseFailures(metrics, instance.database.health);
  const { database, sealers } = instance;
  opening.use(countKeys({ registry: metrics, estimate: () => estimateRows(database), keys: sealers }));
  await instance.grantChannel.start();
  watchGrantChannel(metrics, instance.grantChannel);
  opening.defer(logHeads(instance.stores.auditHead, parts.log));
  const uses = recordUses(instance, parts.log, opening);
  const keyUses = recordKeyUses(instance, parts.log, opening);
  const denials = recordDenials(instance, parts, opening);
  purgeWorkspaces(instance, parts, opening);
  const lossWatch = new TrailLossWatch({ losses: instance.stores.trailLosses, log });
  opening.defer(() => lossWatch.stop());
  measureLostEvents(metrics, lossWatch);
  const { health } = database;
  const readiness = new DatabaseReadiness({ probe: instance.openProbe(opening), health, log: parts.log });
  const server = await buildServer({
    ...parts,
    config,
    instance,
    uses,
    keyUses,
    denials,
    readiness: withWarnings(readiness, () => lossWatch.warnings()),
    tls,
    metrics,
    tracer,
  });
  const management = openManagement(config, { readiness: server.readiness, registry: metrics, log }, opening);
  const callsMs = config.shutdownTimeoutMs - closingMsOf(config);
  opening.defer(() => server.close(callsMs));
  opening.defer(() => readiness.stop());
  await readiness.start();
  await lossWatch.start();
  if (config.tls && tls) {
    const watch = new TlsWatch({
      config: config.tls,
      inUse: tls,
      use: (renewed) => server.renewTls(renewed),
      log: parts.log,
    });
    opening.use(watch.start());
  }
  const address = await listen(server, config);
  const managementAddress = await management?.listen();
  warnOfOpenDoor(config, parts.log);
  const opened = opening.move();
  return {
    origin: `${tls ? 'https' : 'http'}://${formatAuthority(address)}`,
    managementOrigin: managementAddress && `http://${formatAuthority(managementAddress)}`,
    adminKeyFile: instance.adminKeyFile,
    stop: async () => {
      server.drain();
      if (config.drainMs > 0) await delay(config.drainMs);
      // From then on only a database that does not answer could hold up the stop.
      const cut = setTimeout(() => database.cut(), callsMs + lastWordsMs);
      await opened.disposeAsync();
      clearTimeout(cut);
    },
  };
}

/** Closed after the server, so that probes see it stop. */
function openManagement(
  { management: address, metricsToken }: Config,
  parts: Pick<ManagementParts, 'readiness' | 'registry' | 'log'>,
  opening: AsyncDisposableStack,
) {
  if (!address) return undefined;
  const isMetricsToken = createMetricsTokenCheck(metricsToken);
  const management = createManagement({ ...parts, ...address, isMetricsToken });
  opening.defer(() => management.close());
  return { listen: () => listenForManagement(management, address) };
}

function closingMsOf({ shutdownTimeoutMs }: Config): number {
  return Math.min(closingMs, shutdownTimeoutMs / 2);
}

async function connect(config: Config, parts: CofferParts, opening: AsyncDisposableStack): Promise<DatabaseConnection> {
  if (config.database.kind === 'server') return { url: config.database.url };
  const { abandon, log, onLost } = parts;
  const { dataDir } = config;
  await refuseMissingCluster(config);
  const postgres = await startEmbeddedPostgres({
    dataDir,
    log,
    ...(onLost && { onLost: () => onLost() }),
    ...(abandon && { abandon }),
  });
  opening.defer(() => postgres.stop());
  return postgres.connection;
}

function recordUses(instance: Instance, log: Logger, opening: AsyncDisposableStack): UseRecorder {
  const uses = new UseRecorder(instance.stores.credentials);
  const flush = () => uses.flush().catch((error: unknown) => log.warn({ err: error }, 'uses could not be written yet'));
  const timer = setInterval(() => void flush(), useFlushEveryMs);
  opening.defer(async () => {
    clearInterval(timer);
    await flush();
  });
  return uses;
}

function recordKeyUses(instance: Instance, log: Logger, opening: AsyncDisposableStack): KeyUseRecorder {
  const uses = new KeyUseRecorder(instance.stores.apiKeys);
  const flush = () =>
    uses.flush().catch((error: unknown) => log.warn({ err: error }, 'uses of API keys could not be written yet'));
  const timer = setInterval(() => void flush(), useFlushEveryMs);
  opening.defer(async () => {
    clearInterval(timer);
    await flush();
  });
  return uses;
}

function recordDenials(instance: Instance, { clock, log }: CofferParts, opening: AsyncDisposableStack): DenialRecorder {
  const denials = new DenialRecorder({ audit: instance.stores.audit, clock, ids: instance.ids });
  const flush = () =>
    denials.flush().catch((error: unknown) => log.warn({ err: error }, 'refused calls could not be written yet'));
  const timer = setInterval(() => void flush(), denialFlushEveryMs);
  opening.defer(async () => {
    clearInterval(timer);
    await flush();
  });
  return denials;
}

function purgeWorkspaces(instance: Instance, { clock, log }: CofferParts, opening: AsyncDisposableStack): void {
  const { grantChannel, sealers, stores } = instance;
  const purge = new WorkspacePurge({ store: stores.purge, sealers, clock });
  const run = () =>
    purge.run().catch((error: unknown) => log.warn({ err: error }, 'deleted workspaces could not be cleared away yet'));
  const timer = setInterval(() => void run(), purgeEveryMs);
  const unsubscribe = grantChannel.subscribe(({ kind }) => {
    if (kind === 'workspace') void run();
  });
  opening.defer(async () => {
    unsubscribe();
    clearInterval(timer);
    await purge.end().catch(() => undefined);
  });
}

/** One line with what is on, so that a log shows which server wrote it; it holds no secret. */
function reportConfig(config: Config, log: Logger): void {
  const { database, foreignVariables: variables, management, oidc, tls } = config;
  const limits = {
    callsPerKey: config.rateLimitPerKey,
    callsPerAddress: config.rateLimitPerAddress,
    connectionsPerAddress: config.connectionsPerAddress,
    databaseSessions: config.databasePoolMax,
    secretBytes: config.secretBytesMax,
  };
  const what = {
    version: productVersion(),
    tls: tls !== null,
    clientCertificates: tls !== null && tls.clientCaFile !== null,
    issuer: oidc?.issuer ?? null,
    limits,
    database: database.kind === 'embedded' ? 'embedded' : databasePlaceOf(database.url),
    management: management !== null,
  };
  log.info(what, 'starting');
  if (variables.length === 0) return;
  log.info({ variables }, 'these variables are not settings: a Kubernetes Service or a client has them');
}

function warnOfOpenDoor({ host, tls }: Config, log: Logger): void {
  if (tls || ['127.0.0.1', '::1', 'localhost'].includes(host)) return;
  log.warn(
    { host },
    'serving without TLS on an address that others may reach: put a TLS proxy in front, or set COFFER_TLS_CERT',
  );
}
