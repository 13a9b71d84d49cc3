import assert from 'node:assert/strict';
import type { DescMethod } from '@bufbuild/protobuf';
import type { Tracer } from '@opentelemetry/api';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { limits } from '../vault/limits.ts';
import type { Clock } from '../vault/time.ts';
import { createProver, proofLastsMsDefault, type Authenticate } from './admission/authenticate.ts';
import type { DenialObserver } from './admission/denial-observer.ts';
import { refuseCrowds } from './admission/forwarded-calls.ts';
import { createGuard } from './admission/guard.ts';
import { limitRates, type RateLimits } from './admission/rate-limit.ts';
import type { Dialect } from './contract/dialect.ts';
import { serveDocuments } from './openapi/serve-documents.ts';
import { closeBehindUnreadBody, endureBreakingOff } from './request/unread-body.ts';
import { createFastifyOnPort } from './fastify-on-port.ts';
import { createPeerFinder } from './port/peer-address.ts';
import type { PortTimeouts, PortTls } from './port/port.ts';
import type { UnreadLimits } from './port/unread-answers.ts';
import { createRoomCheck } from './request/check-room.ts';
import { OpenCalls } from './request/open-calls.ts';
import { isLocalServer } from './request/request-identity.ts';
import { followExchanges } from './request/request-log.ts';
import { countRequests } from './system/request-metrics.ts';
import { addRequestHooks, registerRest } from './rest/answer-requests.ts';
import { RestService } from './rest/rest.ts';
import { createRouteTable } from './routes/route-table.ts';
import type { ChooseDialect } from './routes/shared-path.ts';
import { givenUp, shuttingDown } from './errors/connect-errors.ts';
import { GrpcService } from './rpc/grpc-service.ts';
import { OpenStreams, type OnGrantChange } from './admission/open-streams.ts';
import { registerRpcs } from './rpc/register-rpcs.ts';
import { RpcService } from './rpc/rpc-service.ts';
import { isUnknownRpc, refuseUnknownRpc } from './rpc/unknown-rpc.ts';
import { AllowedMethods } from './system/allowed-methods.ts';
import { isPreflight, registerCors } from './system/cross-origin.ts';
import { serveFrontPage } from './system/front-page.ts';
import { limitConnections } from './system/limit-connections.ts';
import { createMetricsTokenCheck } from './system/metrics-token.ts';
import { registerProbes } from './system/probes.ts';
import { stoppable, type Readiness } from './system/readiness.ts';
import { reflectionPaths } from './system/reflection.ts';
import { serveFixedAnswers } from './system/serve-fixed-answers.ts';
import { serveMetrics } from './system/serve-metrics.ts';
import { refuseCrowdedCall, registerSystemServices } from './system/system-services.ts';

/** A server certificate, and which clients may connect. */
export type GatewayTls = PortTls;

/** What a gateway is built of. */
export interface GatewayOptions {
  readonly dialects: readonly Dialect[];
  readonly chooseDialect: ChooseDialect;
  readonly authenticate: Authenticate;
  /** Told of calls that are not let in, before they are answered. */
  readonly denials: DenialObserver;
  readonly readiness: Readiness;
  readonly clock: Clock;
  readonly log: Logger;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Without it, in clear. */
  readonly tls?: GatewayTls;
  /** The origins whose pages may call; none by default. */
  readonly corsOrigins?: readonly string[];
  /** Addresses and ranges whose `X-Forwarded-For` is believed; none by default. */
  readonly trustedProxies?: readonly string[];
  /** The greatest request, in bytes. */
  readonly bodyBytesMax?: number;
  readonly timeouts?: Partial<PortTimeouts>;
  /** The most connections at once. */
  readonly connectionsMax?: number;
  /**
   * The most connections of one address, of IPv6 one network of 64 bits, and the most calls in flight of one address behind
   * trusted proxies; 0 is without a limit, and a quarter of all connections the default.
   */
  readonly connectionsPerAddress?: number;
  /** How many bytes of answers may wait for their clients. */
  readonly unreadBytes?: Partial<Omit<UnreadLimits, 'unreadMs'>>;
  /** How long a stream that needs no authentication may last, in milliseconds: a watch of health, or reflection. */
  readonly publicStreamMs?: number;
  /** After how many milliseconds a caller whose body was slow is asked once more for a proof. */
  readonly proofLastsMs?: number;
  /** The product's, for the documents to show. */
  readonly version?: string;
  /** None by default. */
  readonly rateLimits?: RateLimits;
  /** Has streams looked at whenever somebody's rights have changed; without it, once a second. */
  readonly onGrantChange?: OnGrantChange;
  /** Gets the requests' metrics, and is served at `/metrics`; without it, nothing is counted or served. */
  readonly metrics?: Registry;
  /** Whoever has it may read `/metrics`; null, as by default, where there is none. */
  readonly metricsToken?: string | null;
  /** Records a span of each request, but not of those for health, reflection, metrics and documents; none by default. */
  readonly tracer?: Tracer;
}

/** Everything on one port: REST, gRPC, gRPC-Web, Connect, health and reflection. */
export interface Gateway {
  readonly fastify: FastifyInstance;
  /** As `/readyz` says, with the gateway's own stopping. */
  readonly readiness: Readiness;
  /** Listens; answers where. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /**
   * Uses another certificate for connections that are yet to come, and other authorities of clients, where there were any.
   *
   * @throws Error where they can't be used; then nothing changes
   */
  renewTls(tls: GatewayTls): void;
  /** Is no longer ready, but serves on: for balancers to notice before the port is closed. */
  drain(): void;
  /** Takes nothing new, lets what is in flight finish, and cuts it off when the time is over. */
  close(graceMs: number): Promise<void>;
}

/** How long calls that were given up have for saying so, in milliseconds. */
const lastWordsMs = 500;

/** Builds a gateway; it does not listen yet. */
export async function buildGateway(options: GatewayOptions): Promise<Gateway> {
  const readiness = stoppable(options.readiness);
  const stopping = new AbortController();
  const overdue = new AbortController();
  const { connections, forwardedCalls, unreadAnswers } = limitConnections(options);
  const parts = { ...options, ...admission(options), checkRoom: createRoomCheck(unreadAnswers) };
  const table = createRouteTable(options.dialects);
  const allowed = new AllowedMethods(table, rpcsOf(options.dialects));
  const openStreams = new OpenStreams(options.onGrantChange);
  const rest = new RestService({
    ...parts,
    table,
    openStreams,
    stopping: stopping.signal,
    methodsOfSystem: (path) => allowed.ofSystem(path),
  });
  const rpcs = new RpcService(parts);
  const registry = options.metrics;
  const exchanges = followExchanges(options.log, {
    enterCall: (call) => forwardedCalls.enter(call),
    connectionOf: (source) => connections.of(source),
    mayBeLocal: isLocalServer(options),
    findPeer: createPeerFinder(options.trustedProxies ?? []),
    onEnd: registry && countRequests({ registry, dialects: options.dialects, readiness }),
    tracer: options.tracer,
  });
  const exchangeOf = (request: FastifyRequest) => exchanges.of(request);
  const begin = (request: FastifyRequest, reply: FastifyReply): void => {
    const { requestId } = exchanges.begin(request, reply);
    reply.headers({ 'x-request-id': requestId, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    closeBehindUnreadBody(request, reply, parts.bodyBytesMax);
    endureBreakingOff(request);
  };
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const exchange = exchangeOf(request);
    assert(exchange);
    if (!isUnknownRpc(request)) return rest.answer(request, reply, exchange);
    exchange.found.code = 'unimplemented';
    refuseUnknownRpc(request, reply);
  };
  const openCalls = new OpenCalls();
  const connectionOf: (typeof connections)['of'] = (source) => connections.of(source);
  const grpc = new GrpcService({ ...parts, rpcs, openCalls, exchanges, connectionOf });
  const { fastify, port } = createFastifyOnPort({
    ...options,
    begin,
    connections,
    untimedPaths: reflectionPaths,
    takeStream: (...stream) => grpc.take(...stream),
  });

  addRequestHooks(fastify, { ...parts, begin, answer, isPreflight, methodsOf: (path) => allowed.of(path) });
  await registerCors(fastify, options.corsOrigins ?? []);
  await fastify.register(async (scope) => {
    allowed.noteSystemPaths(scope);
    registerProbes(scope, readiness);
    serveFrontPage(scope);
    const isMetricsToken = createMetricsTokenCheck(options.metricsToken ?? null);
    if (registry) serveMetrics(scope, { ...parts, registry, isMetricsToken, exchangeOf });
    serveFixedAnswers(scope, options.dialects);
    await serveDocuments(scope, { dialects: options.dialects, table, version: options.version });
  });
  const streams = { ...parts, openStreams, stopping: stopping.signal };
  fastify.register((scope) =>
    registerRpcs(scope, {
      ...streams,
      rpcs,
      openCalls,
      exchangeOf,
      addServices: (router) => registerSystemServices(router, { ...streams, readiness }),
      checkServices: refuseCrowdedCall,
      overdue: overdue.signal,
    }),
  );
  fastify.register(async (scope) => registerRest(scope, answer));
  await fastify.ready();

  return {
    fastify,
    readiness,
    async listen() {
      const { address, port: number } = await port.listen(options.host, options.port);
      return { host: address, port: number };
    },
    renewTls: (tls) => port.renewTls(tls),
    drain: () => readiness.stop(),
    async close(graceMs) {
      readiness.stop();
      stopping.abort(shuttingDown());
      const drained = port.drain();
      if (!(await isDoneWithin(drained, graceMs))) {
        overdue.abort(shuttingDown());
        rest.abort();
        openCalls.abort();
        if (!(await isDoneWithin(drained, Math.min(lastWordsMs, graceMs)))) port.cut();
        await drained;
      }
      await fastify.close();
      openStreams[Symbol.dispose]();
      unreadAnswers[Symbol.dispose]();
    },
  };
}

/** What decides whether a call is let in. */
function admission(options: GatewayOptions) {
  const { clock, rateLimits = { perKey: 0, perAddress: 0 } } = options;
  const prover = createProver(options.authenticate, options.proofLastsMs ?? proofLastsMsDefault);
  return {
    bodyBytesMax: options.bodyBytesMax ?? limits.requestBodyBytes,
    guard: createGuard(givenUp),
    prover: refuseCrowds(limitRates(prover, rateLimits, clock)),
  };
}

function rpcsOf(dialects: readonly Dialect[]): DescMethod[] {
  return dialects.flatMap(({ rpcs, streams = [] }) => [...rpcs, ...streams].map(({ method }) => method));
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
