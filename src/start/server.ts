import { createHash } from 'node:crypto';
import { setImmediate as pause, setTimeout as delay } from 'node:timers/promises';
import type { Tracer } from '@opentelemetry/api';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { Authenticator } from '../authentication/authenticator.ts';
import { Argon2PasswordHasher } from '../authentication/password-hasher.ts';
import { CachedAccessStore } from '../authentication/cached-access-store.ts';
import type { Config } from '../config/config.ts';
import { dialectNames, dialects } from '../dialects/index.ts';
import { providerAfter } from '../dialects/shared/provider-catalogue.ts';
import { createDialectChoice, SharedPathHints } from '../dialects/shared-paths.ts';
import { buildGateway, type Gateway, type GatewayTls } from '../gateway/gateway.ts';
import type { Readiness } from '../gateway/system/readiness.ts';
import { countSearches } from '../metrics/instance-metrics.ts';
import type { Instance } from './instance.ts';
import { productVersion } from './product-version.ts';
import { inSpan } from '../tracing/spans.ts';
import { traceFetch } from '../tracing/traced-calls.ts';
import { AuditTrail } from '../vault/audit/audit-trail.ts';
import { ApiKeyDirectory } from '../vault/identity/api-keys.ts';
import { CredentialSearch } from '../vault/credentials/credential-search.ts';
import { CredentialWatch } from '../vault/credentials/credential-watch.ts';
import { PreviewVault } from '../vault/credentials/preview-vault.ts';
import { DeletionVault } from '../vault/credentials/deletion-vault.ts';
import { BatchRevealVault } from '../vault/credentials/batch-reveal-vault.ts';
import { BatchVault } from '../vault/credentials/batch-vault.ts';
import { LeakVault } from '../vault/credentials/leak-vault.ts';
import { TransferVault } from '../vault/credentials/transfer-vault.ts';
import { CredentialVault } from '../vault/credentials/credential-vault.ts';
import { SecretResolver } from '../vault/credentials/resolve-vault.ts';
import { VersionVault } from '../vault/credentials/version-vault.ts';
import type { AccessDenialRecorder } from '../vault/audit/access-denial-recorder.ts';
import type { CredentialUsage } from '../vault/usage/credential-usage.ts';
import type { UsageRecorder } from '../vault/usage/usage-recorder.ts';
import { vaultSealed } from '../vault/errors.ts';
import { LoginThrottle, LoginThrottles } from '../vault/identity/login-throttle.ts';
import { Login } from '../vault/identity/login.ts';
import { MemberDirectory } from '../vault/identity/members.ts';
import type { EventLoop } from '../vault/work-slices.ts';
import type { Clock } from '../vault/time.ts';
import { IdempotentRequests } from '../vault/requests/idempotent-requests.ts';
import { UserDirectory } from '../vault/identity/users.ts';
import { KeyAdministration } from '../vault/workspaces/key-administration.ts';
import type { SealControl } from '../vault/workspaces/ports.ts';
import type { SealState } from '../vault/workspaces/seal-state.ts';
import { UnsealAttempts } from '../vault/workspaces/unseal-attempts.ts';
import { UnsealLimits } from '../vault/workspaces/unseal-limits.ts';
import { Unsealing, type VaultOpener } from '../vault/workspaces/unsealing.ts';
import { WorkspaceDirectory } from '../vault/workspaces/workspaces.ts';

/** What a server is built from. */
export interface ServerParts {
  readonly config: Config;
  readonly instance: Instance;
  readonly seal: SealState;
  readonly sealControl: SealControl;
  readonly opener: VaultOpener;
  readonly usage: CredentialUsage;
  readonly apiKeyUsage: UsageRecorder;
  readonly denials: AccessDenialRecorder;
  readonly readiness: Readiness;
  readonly tls: GatewayTls | undefined;
  readonly metrics: Registry;
  /** Records spans; without it, nothing is traced. */
  readonly tracer: Tracer | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Builds the gateway with the vault and its dialects. It neither listens nor reads the environment. */
export async function buildServer(parts: ServerParts): Promise<Gateway> {
  const { apiKeyUsage, clock, config, log, readiness, seal, tls, tracer } = parts;
  const authenticator = await buildAuthenticator(parts);
  const vaultParts = buildVault(parts);
  const version = productVersion();
  return buildGateway({
    dialects: dialects({ ...vaultParts, version }),
    version,
    chooseDialect: createDialectChoice(vaultParts.vault, new SharedPathHints({ clock, log })),
    authenticate: async (headers, signal, certificate) => {
      seal.requireOpen();
      const authenticate = () => authenticator.authenticate(headers, signal, certificate);
      const caller = await (tracer ? inSpan(tracer, { name: 'authenticate' }, authenticate) : authenticate());
      if (caller?.kind === 'api_key') apiKeyUsage.record(caller.defaultWorkspaceId, caller.id, clock.now());
      return caller;
    },
    requests: new IdempotentRequests({ mac: parts.instance.requestMac, store: parts.instance.stores.requests, clock }),
    denials: parts.denials,
    onAccessChange: (changed) => {
      const unsubscribe = [parts.instance.accessChangeListener.subscribe(changed), seal.subscribe(changed)];
      return () => unsubscribe.forEach((end) => end());
    },
    refusal: () => (seal.isSealed ? vaultSealed() : undefined),
    readiness,
    metrics: parts.metrics,
    clock,
    log,
    ...(tls && { tls }),
    ...(tracer && { tracer }),
    host: config.host,
    port: config.port,
    metricsToken: config.metricsToken,
    corsOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
    connectionsPerAddress: config.connectionsPerAddress,
    rateLimits: { perKey: config.rateLimitPerKey, perAddress: config.rateLimitPerAddress },
  });
}

async function buildAuthenticator({
  clock,
  config,
  instance,
  log,
  metrics,
  tracer,
}: ServerParts): Promise<Authenticator> {
  const { access, workspaces } = instance.stores;
  const onLookup = countSearches(metrics);
  const accessChanges = instance.accessChangeListener;
  const store = new CachedAccessStore({ store: access, accessChanges, onLookup });
  if (!config.oidc) return new Authenticator({ store, clock });
  // Loaded on demand: few servers have an issuer, and verifying its tokens needs time to load and memory.
  const { createOidcAccess } = await import('../authentication/oidc/oidc-access.ts');
  const { issuer, audience, workspaceClaim: workspace, roleClaim: role } = config.oidc;
  const claimNames = { workspace, role };
  return new Authenticator({
    store,
    clock,
    oidc: createOidcAccess({
      issuer,
      audience,
      claimNames,
      workspaces,
      accessChanges,
      clock,
      log,
      ask: tracer && traceFetch(tracer),
    }),
  });
}

function buildVault({ clock, config, instance, opener, seal, sealControl, usage }: ServerParts) {
  const { ids, ciphers, stores, tokens } = instance;
  const { lifecycle, secretBytesMax } = config;
  const parts = { store: stores.credentials, ciphers, usage, clock, ids, secretBytesMax, lifecycle, providerAfter };
  return {
    vault: new CredentialVault(parts),
    resolver: new SecretResolver(parts),
    previews: new PreviewVault(parts),
    versions: new VersionVault(parts),
    deletions: new DeletionVault({ ...parts, purges: stores.dueCredentials }),
    search: new CredentialSearch({ store: stores.credentials, pageTokens: instance.pageTokens, clock }),
    batches: new BatchVault({ ...parts, eventLoop }),
    batchReveals: new BatchRevealVault({ ...parts, eventLoop }),
    transfers: new TransferVault(parts),
    leaks: new LeakVault({ ...parts, leaks: stores.leaks, workspaces: stores.workspaces, eventLoop, sha256 }),
    workspaces: new WorkspaceDirectory({ store: stores.workspaces, ciphers, clock, ids }),
    keys: new KeyAdministration({ rotator: instance.rotator, sealControl, clock, ids }),
    unsealing: new Unsealing({
      state: seal,
      opener,
      limits: new UnsealLimits(clock),
      attempts: new UnsealAttempts({ audit: stores.audit, clock, ids }),
    }),
    members: new MemberDirectory({ store: stores.members, clock, ids }),
    watch: new CredentialWatch({ changes: stores.changes, clock, wait }),
    trail: new AuditTrail({ store: stores.auditTrail, verifier: instance.trailVerifier }),
    apiKeys: new ApiKeyDirectory({ store: stores.apiKeys, tokens, clock, ids, dialects: dialectNames }),
    ...buildLogins(instance, clock),
    clock,
  };
}

/** All share one hasher, because it limits how many hashes are computed at once. */
function buildLogins({ ids, stores, tokens }: Instance, clock: Clock) {
  const { audit, users, workspaces } = stores;
  const parts = { users, audit, hasher: new Argon2PasswordHasher(), tokens, clock, ids, wait };
  return {
    users: new UserDirectory({ ...parts, store: users, workspaces }),
    login: new Login({ ...parts, throttle: new LoginThrottle(clock), throttles: new LoginThrottles(clock) }),
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

const eventLoop: EventLoop = { nowMs: () => performance.now(), pause: async () => pause() };

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  // A caller that disconnected no longer waits for a response.
  if (ms > 0) await delay(ms, undefined, { signal }).catch(() => undefined);
}
