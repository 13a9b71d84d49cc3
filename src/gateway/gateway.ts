import type { DescMethod } from '@bufbuild/protobuf';
import type { Tracer } from '@opentelemetry/api';
import assert from 'node:assert/strict';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { VaultError } from '../vault/errors.ts';
import { limits } from '../vault/limits.ts';
import type { IdempotentRequests } from '../vault/requests/idempotent-requests.ts';
import type { Clock } from '../vault/time.ts';
import {
  authenticationMaxAgeMsDefault,
  createRequestAuthenticator,
  type Authenticate,
} from './admission/authenticate.ts';
import type { DenialObserver } from './admission/denial-observer.ts';
import { rejectCrowded } from './admission/forwarded-calls.ts';
import { Guard } from './admission/guard.ts';
import { OpenStreams, type OnAccessChange } from './admission/open-streams.ts';
import { limitRates, type RateLimits } from './admission/rate-limit.ts';
import { RepeatedCalls } from './admission/repeated-calls.ts';
import type { Dialect } from './contract/dialect.ts';
import { shutdownError } from './errors/connect-errors.ts';
import { createFastifyOnPort } from './fastify-on-port.ts';
import { serveDocuments } from './openapi/serve-documents.ts';
import { createPeerFinder } from './port/peer-address.ts';
import type { Port, PortTimeouts } from './port/port.ts';
import type { PortTls } from './port/protocol-detection.ts';
import { createRoomCheck, type UnreadLimits } from './port/unread-answers.ts';
import { CallRegistry } from './request/call-registry.ts';
import { isLocalServer } from './request/local-request.ts';
import { Exchanges } from './request/request-log.ts';
import { drainUnreadBody, ignoreClientReset } from './request/unread-body.ts';
import { addRequestHooks, registerRest } from './rest/request-hooks.ts';
import { RestService } from './rest/rest.ts';
import { createRouteTable } from './routes/route-table.ts';
import type { ChooseDialect } from './routes/route-table.ts';
import { GrpcService } from './rpc/grpc-service.ts';
import { registerRpcs, isUnknownRpc, refuseUnknownRpc } from './rpc/register-rpcs.ts';
import { RpcService } from './rpc/rpc-service.ts';
import { AllowedMethods } from './system/allowed-methods.ts';
import { isPreflight, registerCors } from './system/cross-origin.ts';
import { serveFrontPage, serveFixedAnswers } from './system/fixed-answers.ts';
import { limitConnections, type LimitedConnections } from './system/limit-connections.ts';
import { createMetricsTokenCheck, serveMetrics } from './system/serve-metrics.ts';
import { registerProbes, stoppable, type Readiness, type StoppableReadiness } from './system/readiness.ts';
import { reflectionPaths } from './system/reflection.ts';
import { countRequests } from './system/request-metrics.ts';
import { rejectCrowdedCall, registerSystemServices } from './system/system-services.ts';

/** A server certificate, and which clients may connect. */
export type GatewayTls = PortTls;

/** What a gateway is built from. */
export interface GatewayOptions {
  readonly dialects: readonly Dialect[];
  readonly chooseDialect: ChooseDialect;
  readonly authenticate: Authenticate;
  /** Recognizes repeated requests; without it, request ids have no effect. */
  readonly requests?: IdempotentRequests;
  /** Receives refused calls before they are answered. */
  readonly denials: DenialObserver;
  readonly readiness: Readiness;
  /** Why no dialect answers, if there is a reason; `authenticate` refuses calls for the same reason. */
  readonly refusal?: () => VaultError | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Without it, connections are in clear. */
  readonly tls?: GatewayTls;
  /** The origins whose pages may call; none by default. */
  readonly corsOrigins?: readonly string[];
  /** Addresses and networks whose `X-Forwarded-For` counts; none by default. */
  readonly trustedProxies?: readonly string[];
  /** The most bytes that a request body may take. */
  readonly bodyBytesMax?: number;
  readonly timeouts?: Partial<PortTimeouts>;
  readonly connectionsMax?: number;
  /**
   * The most connections per address, and the most calls in flight per address through trusted proxies; for IPv6 per network of
   * 64 bits. 0 means no limit; the default is a quarter of `connectionsMax`.
   */
  readonly connectionsPerAddress?: number;
  /** How many bytes of answers may wait to be read by their clients. */
  readonly unreadBytes?: Partial<Omit<UnreadLimits, 'unreadMs'>>;
  /** How long a public stream (a health watch, reflection) may last, in milliseconds. */
  readonly publicStreamMs?: number;
  /** How old an authentication may be when its request is complete, in milliseconds; an older one is renewed. */
  readonly authenticationMaxAgeMs?: number;
  /** The product's version, shown in the API documents. */
  readonly version?: string;
  /** None by default. */
  readonly rateLimits?: RateLimits;
  /** Notifies of changed permissions, so that open streams are re-authorized at once; without it, once a second. */
  readonly onAccessChange?: OnAccessChange;
  /** Collects metrics of requests, and is served at `/metrics`; without it, nothing is counted or served. */
  readonly metrics?: Registry;
  /** A token that gives access to `/metrics`; null, the default, means none. */
  readonly metricsToken?: string | null;
  /** Records a span of each request except those for health, reflection, metrics and documents; none by default. */
  readonly tracer?: Tracer;
}

/** Everything on one port: REST, gRPC, gRPC-Web, Connect, health and reflection. */
export interface Gateway {
  readonly fastify: FastifyInstance;
  /** What `/readyz` reports; not ready once the gateway stops. */
  readonly readiness: Readiness;
  /** Begins to listen; returns the address. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /**
   * Uses another certificate for new connections, and other client authorities if there were any.
   *
   * @throws Error if they cannot be used; then nothing changes
   */
  renewTls(tls: GatewayTls): void;
  /** Reports not ready but keeps serving, so that load balancers notice before the port is closed. */
  drain(): void;
  /** Accepts nothing new, lets calls in flight finish, and aborts them when the time is over. */
  close(graceMs: number): Promise<void>;
}

/** How long aborted calls may take to send their errors, in milliseconds. */
const errorDeliveryMs = 500;

/** Builds a gateway; it does not listen yet. */
export async function buildGateway(options: GatewayOptions): Promise<Gateway> {
  const parts = createParts(options);
  const { allowed, connections, exchanges } = parts;
  const rest = new RestService({ ...parts, methodsOfSystem: (path) => allowed.ofSystem(path) });
  const rpcs = new RpcService(parts);
  const grpc = new GrpcService({ ...parts, rpcs, connectionOf: (source) => connections.of(source) });
  const begin = (request: FastifyRequest, reply: FastifyReply): void => beginExchange(parts, request, reply);
  const { fastify, port } = createFastifyOnPort({
    ...options,
    begin,
    connections,
    untimedPaths: reflectionPaths,
    takeStream: (...stream) => grpc.take(...stream),
  });
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const exchange = exchanges.of(request);
    assert(exchange);
    if (!isUnknownRpc(request)) return rest.answer(request, reply, exchange);
    exchange.found.code = 'unimplemented';
    refuseUnknownRpc(request, reply);
  };
  addRequestHooks(fastify, { ...parts, begin, answer, isPreflight, methodsOf: (path) => allowed.of(path) });
  await registerCors(fastify, options.corsOrigins ?? []);
  await fastify.register((scope) => serveSystem(scope, parts));
  fastify.register((scope) => serveRpcs(scope, parts, rpcs));
  fastify.register(async (scope) => registerRest(scope, answer));
  await fastify.ready();
  return {
    fastify,
    readiness: parts.readiness,
    async listen() {
      const { address, port: number } = await port.listen(options.host, options.port);
      return { host: address, port: number };
    },
    renewTls: (tls) => port.renewTls(tls),
    drain: () => parts.readiness.stop(),
    close: (graceMs) => closeGateway(parts, { fastify, port }, graceMs),
  };
}

type GatewayParts = ReturnType<typeof createParts>;

/** What the protocols share, and what stops them. */
function createParts(options: GatewayOptions) {
  const readiness = stoppable(options.readiness);
  const limited = limitConnections(options);
  const table = createRouteTable(options.dialects);
  const stopping = new AbortController();
  return {
    ...options,
    ...limited,
    ...createAdmission(options),
    readiness,
    checkRoom: createRoomCheck(limited.unreadAnswers),
    table,
    allowed: new AllowedMethods(table, methodsOf(options.dialects)),
    openStreams: new OpenStreams(options.onAccessChange),
    calls: new CallRegistry(),
    exchanges: createExchanges(options, limited, readiness),
    stopping: stopping.signal,
    /** Ends all streams. */
    stop: () => stopping.abort(shutdownError()),
    /** Aborted when the time for stopping is over. */
    overdue: new AbortController(),
  };
}

/** What decides whether a call is admitted. */
function createAdmission(options: GatewayOptions) {
  const { clock, rateLimits = { perKey: 0, perAddress: 0 } } = options;
  const maxAgeMs = options.authenticationMaxAgeMs ?? authenticationMaxAgeMsDefault;
  const { authenticator, charge } = limitRates(
    createRequestAuthenticator(options.authenticate, maxAgeMs),
    rateLimits,
    clock,
  );
  const guard = new Guard(charge);
  return {
    bodyBytesMax: options.bodyBytesMax ?? limits.requestBodyBytes,
    guard,
    repeatedCalls: new RepeatedCalls({ guard, requests: options.requests }),
    authenticator: rejectCrowded(authenticator),
  };
}

function methodsOf(dialects: readonly Dialect[]): DescMethod[] {
  return dialects.flatMap(({ rpcs, streams = [] }) => [...rpcs, ...streams].map(({ method }) => method));
}

function createExchanges(
  options: GatewayOptions,
  { connections, forwardedCalls }: LimitedConnections,
  readiness: StoppableReadiness,
): Exchanges {
  const { dialects, log, metrics: registry, tracer, trustedProxies = [] } = options;
  return new Exchanges(log, {
    enterCall: forwardedCalls.enter,
    connectionOf: (source) => connections.of(source),
    mayBeLocal: isLocalServer(options),
    findPeer: createPeerFinder(trustedProxies),
    onEnd: registry && countRequests({ registry, dialects, readiness }),
    tracer,
  });
}

function beginExchange({ exchanges, bodyBytesMax }: GatewayParts, request: FastifyRequest, reply: FastifyReply): void {
  const { requestId } = exchanges.begin(request, reply);
  reply.headers({ 'x-request-id': requestId, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
  drainUnreadBody(request, reply, bodyBytesMax);
  ignoreClientReset(request);
}

/** Serves what belongs to no dialect: probes, the front page, metrics, fixed answers and documents. */
async function serveSystem(scope: FastifyInstance, parts: GatewayParts): Promise<void> {
  const {
    allowed,
    dialects,
    exchanges,
    metrics: registry,
    metricsToken = null,
    readiness,
    refusal,
    table,
    version,
  } = parts;
  allowed.recordSystemPaths(scope);
  registerProbes(scope, readiness);
  serveFrontPage(scope);
  const isMetricsToken = createMetricsTokenCheck(metricsToken);
  if (registry) {
    serveMetrics(scope, { ...parts, registry, isMetricsToken, exchangeOf: (request) => exchanges.of(request) });
  }
  serveFixedAnswers(scope, { ...parts, refusal, exchangeOf: (request) => exchanges.of(request) });
  await serveDocuments(scope, { dialects, table, version });
}

/** Serves the rpcs of the dialects, health and reflection by gRPC-Web and Connect. */
function serveRpcs(scope: FastifyInstance, parts: GatewayParts, rpcs: RpcService): Promise<void> {
  const { exchanges, overdue } = parts;
  return registerRpcs(scope, {
    ...parts,
    rpcs,
    exchangeOf: (request) => exchanges.of(request),
    addServices: (router) => registerSystemServices(router, parts),
    checkServices: rejectCrowdedCall,
    overdue: overdue.signal,
  });
}

async function closeGateway(
  { calls, openStreams, overdue, readiness, stop, unreadAnswers }: GatewayParts,
  { fastify, port }: { readonly fastify: FastifyInstance; readonly port: Port },
  graceMs: number,
): Promise<void> {
  readiness.stop();
  stop();
  const drained = port.drain();
  if (!(await isDoneWithin(drained, graceMs))) {
    overdue.abort(shutdownError());
    calls.abort();
    if (!(await isDoneWithin(drained, Math.min(errorDeliveryMs, graceMs)))) port.cut();
    await drained;
  }
  await fastify.close();
  openStreams[Symbol.dispose]();
  unreadAnswers[Symbol.dispose]();
}

async function isDoneWithin(work: Promise<void>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
