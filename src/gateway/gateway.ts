import type { DescMethod } from '@bufbuild/protobuf';
import { createContextValues } from '@connectrpc/connect';
import { fastifyConnectPlugin } from '@connectrpc/connect-fastify';
import type { Tracer } from '@opentelemetry/api';
import assert from 'node:assert/strict';
import Fastify from 'fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { limits } from '../vault/limits.ts';
import type { Clock } from '../vault/ports.ts';
import { createProver, proofLastsMsDefault, type Authenticate } from './admission/authenticate.ts';
import { closeBehindUnreadBody, cutOff, endureBreakingOff } from './port/close-behind.ts';
import { createConnectService } from './rpc/connect.ts';
import { givenUp, shuttingDown } from './rpc/connect-errors.ts';
import { ConnectUnary } from './rpc/connect-unary.ts';
import { mendOddRequests } from './rpc/connect-request.ts';
import { AllowedMethods } from './system/allowed-methods.ts';
import { isPreflight, registerCors } from './system/cross-origin.ts';
import type { DenialObserver } from './admission/denial-observer.ts';
import type { Dialect } from './dialect.ts';
import { exchangeKey } from './request/exchange.ts';
import { answerOfFramework, isUnknownMethod } from './rest/framework-errors.ts';
import { createGuard } from './admission/guard.ts';
import { refuseCrowds } from './admission/forwarded-calls.ts';
import { serveDocuments } from './openapi/serve-documents.ts';
import {
  createPort,
  defaultPortTimeouts,
  headerBytesMax,
  type Port,
  type PortOptions,
  type PortTimeouts,
  type PortTls,
} from './port/port.ts';
import { OpenCalls } from './request/open-calls.ts';
import { OpenStreams, type OnGrantChange } from './rpc/open-streams.ts';
import type { Connections } from './port/connections.ts';
import { createPeerFinder } from './port/peer-address.ts';
import type { UnreadLimits } from './port/unread-answers.ts';
import { limitConnections } from './system/limit-connections.ts';
import { refuseCrowdedCall, registerSystemServices } from './system/system-services.ts';
import { serveFrontPage } from './system/front-page.ts';
import { registerProbes } from './system/probes.ts';
import { limitRates, type RateLimits } from './admission/rate-limit.ts';
import { stoppable, type Readiness } from './system/readiness.ts';
import { reflectionPaths } from './system/reflection.ts';
import { GrpcService } from './rpc/grpc-service.ts';
import { createRoomCheck } from './request/check-room.ts';
import { followExchanges } from './request/request-log.ts';
import { refusalOfMalformed } from './request/malformed-request.ts';
import { toOriginForm } from './request/request-target.ts';
import { isLocalServer, requestIdOf } from './request/request-identity.ts';
import { plainAnswer, spellAnswer } from './rest/rest-problems.ts';
import { publicBodyBytesMax } from './request/request-body.ts';
import { countRequests } from './request/request-metrics.ts';
import { sendAnswer } from './rest/send-answer.ts';
import { RestService } from './rest/rest.ts';
import { answeringMethod } from './routes/implied-methods.ts';
import { createRouteTable } from './routes/route-table.ts';
import { RpcService } from './rpc/rpc-service.ts';
import { createMetricsTokenCheck } from './system/metrics-token.ts';
import { serveFixedAnswers } from './system/serve-fixed-answers.ts';
import { serveMetrics } from './system/serve-metrics.ts';
import type { ChooseDialect } from './routes/shared-path.ts';
import { encodeStatusMessages } from './rpc/status-message.ts';
import { createStreamService, cutOffKey } from './rpc/stream-service.ts';
import { describeUnknownError } from './request/unknown-error.ts';
import { isUnknownRpc, refuseUnknownRpc } from './rpc/unknown-rpc.ts';

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

const restMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** How long calls that were given up have for saying so, in milliseconds. */
const lastWordsMs = 500;

/** Builds a gateway; it does not listen yet. */
export async function buildGateway(options: GatewayOptions): Promise<Gateway> {
  const { clock, log, rateLimits = { perKey: 0, perAddress: 0 } } = options;
  const prover = createProver(options.authenticate, options.proofLastsMs ?? proofLastsMsDefault);
  const { connections, forwardedCalls, unreadAnswers } = limitConnections(options);
  const parts = {
    ...options,
    checkRoom: createRoomCheck(unreadAnswers),
    bodyBytesMax: options.bodyBytesMax ?? limits.requestBodyBytes,
    guard: createGuard(givenUp),
    prover: refuseCrowds(limitRates(prover, rateLimits, clock)),
  };
  const readiness = stoppable(options.readiness);
  const stopping = new AbortController();
  const overdue = new AbortController();
  const table = createRouteTable(options.dialects);
  const allowed = new AllowedMethods(table, rpcsOf(options.dialects));
  const rest = new RestService({ ...parts, table, methodsOfSystem: (path) => allowed.ofSystem(path) });
  const rpcs = new RpcService(parts);
  const registry = options.metrics;
  const onEnd = registry && countRequests({ registry, dialects: options.dialects, readiness });
  const { tracer } = options;
  const exchanges = followExchanges(log, {
    enterCall: (call) => forwardedCalls.enter(call),
    connectionOf: (source) => connections.of(source),
    mayBeLocal: isLocalServer(options),
    findPeer: createPeerFinder(options.trustedProxies ?? []),
    onEnd,
    tracer,
  });
  const begin = (request: FastifyRequest, reply: FastifyReply): void => {
    const { requestId } = exchanges.begin(request, reply);
    reply.headers({ 'x-request-id': requestId, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    closeBehindUnreadBody(request, reply, parts.bodyBytesMax);
    endureBreakingOff(request);
  };
  const openCalls = new OpenCalls();
  const openStreams = new OpenStreams(options.onGrantChange);
  const grpc = new GrpcService({
    rpcs,
    openCalls,
    log,
    exchanges,
    connectionOf: (session) => connections.of(session),
    bodyBytesMax: parts.bodyBytesMax,
  });
  const takeStream: PortOptions['takeStream'] = (...stream) => grpc.take(...stream);
  const { fastify, port } = createFastify(options, { begin, connections, takeStream });
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const exchange = exchanges.of(request);
    assert(exchange);
    if (isUnknownRpc(request)) {
      exchange.found.code = 'unimplemented';
      return refuseUnknownRpc(request, reply);
    }
    await rest.answer(request, reply, exchange);
  };
  fastify.addHook('onRequest', (request, reply, done) => {
    begin(request, reply);
    const refusal = refusalOfMalformed(request.raw);
    if (refusal) return sendAnswer(request, reply, spellAnswer(refusal));
    if (request.method !== 'OPTIONS' || isPreflight(request.raw)) return done();
    const allow = allowed.of(pathOf(request));
    if (!allow) return void answer(request, reply).catch((error: unknown) => reply.send(error));
    return void reply
      .code(204)
      .header('allow', [...allow, 'OPTIONS'].join(', '))
      .send();
  });
  fastify.setErrorHandler(async (error, request, reply) => {
    if (isUnknownMethod(error)) {
      // Such a request passes no hook, either.
      begin(request, reply);
      return answer(request, reply);
    }
    const refusal = answerOfFramework(error);
    if (refusal) return sendAnswer(request, reply, spellAnswer(refusal));
    log.error({ requestId: request.id, error: describeUnknownError(error) }, 'internal error');
    sendAnswer(request, reply, spellAnswer(plainAnswer(500, 'internal', 'internal error')));
  });
  await registerCors(fastify, options.corsOrigins ?? []);
  await fastify.register(async (scope) => {
    allowed.noteSystemPaths(scope);
    registerProbes(scope, readiness);
    serveFrontPage(scope);
    if (registry)
      serveMetrics(scope, {
        registry,
        log,
        prover: parts.prover,
        isMetricsToken: createMetricsTokenCheck(options.metricsToken ?? null),
        exchangeOf: (request) => exchanges.of(request),
      });
    serveFixedAnswers(scope, options.dialects);
    await serveDocuments(scope, { dialects: options.dialects, table, version: options.version });
  });
  fastify.register(async (scope) => {
    mendOddRequests(scope);
    // Connect refuses the types that it does not know.
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    const unary = new ConnectUnary(rpcs, openCalls);
    const replies = new WeakMap<FastifyRequest, FastifyReply>();
    scope.addHook('onRequest', (request, reply, done) => {
      const exchange = exchanges.of(request);
      assert(exchange);
      if (unary.take(request, reply, exchange)) return;
      // What Connect answers to GET it answers to HEAD, of which Node sends no body.
      request.raw.method = answeringMethod(request.method);
      replies.set(request, reply);
      done();
    });
    const connect = createConnectService(rpcs);
    const streams = createStreamService({ ...parts, rpcs, openStreams, stopping: stopping.signal });
    await scope.register(fastifyConnectPlugin, {
      routes: (router) => {
        connect.routes(router);
        streams.routes(router);
        registerSystemServices(router, { ...options, readiness, stopping: stopping.signal });
        encodeStatusMessages(router);
      },
      requestGate: async (context) => {
        await connect.gate(context);
        await streams.gate(context);
        refuseCrowdedCall(context);
      },
      contextValues: (request) =>
        createContextValues()
          .set(exchangeKey, exchanges.of(request))
          .set(cutOffKey, () => cutOff(replies.get(request))),
      // What is registered without a limit of its own, health and reflection, anybody may call.
      readMaxBytes: Math.min(publicBodyBytesMax, parts.bodyBytesMax),
      shutdownSignal: overdue.signal,
      // Beside a text that somebody else chose, the length of what is compressed tells of the secret (BREACH).
      compressMinBytes: Number.MAX_SAFE_INTEGER,
    });
  });
  fastify.register(async (scope) => {
    // Before the framework looks at a content type: the body is read only once the call is let in, and by the dialect's rules.
    scope.addHook('onRequest', answer);
    scope.setNotFoundHandler(answer);
    scope.route({ method: restMethods, url: '/*', handler: answer });
  });
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

function createFastify(
  options: GatewayOptions,
  {
    begin,
    connections,
    takeStream,
  }: {
    readonly begin: (request: FastifyRequest, reply: FastifyReply) => void;
    readonly connections: Connections;
    readonly takeStream: PortOptions['takeStream'];
  },
): { readonly fastify: FastifyInstance; readonly port: Port } {
  const { log, tls } = options;
  const timeouts = { ...defaultPortTimeouts, ...options.timeouts };
  const onAcceptError = (error: Error): void =>
    log.error({ error: describeUnknownError(error) }, 'a connection was not accepted');
  let port: Port | undefined;
  const fastify = Fastify({
    serverFactory(listener) {
      const bounds = { timeouts, untimedPaths: reflectionPaths, connections, takeStream };
      port = createPort(listener, { ...bounds, onAcceptError, ...(tls && { tls }) });
      return port.http1;
    },
    genReqId: ({ headers }) => requestIdOf(headers),
    return503OnClosing: false,
    exposeHeadRoutes: true,
    rewriteUrl: toOriginForm,
    // The port answers what is no request.
    clientErrorHandler: () => undefined,
    // Queries are read where they are needed, and no further than they may go.
    routerOptions: { maxParamLength: headerBytesMax, querystringParser: () => ({}) },
    // What the router itself refuses passes no hook.
    frameworkErrors: (_error, request, reply) => {
      begin(request, reply);
      sendAnswer(
        request,
        reply,
        spellAnswer(plainAnswer(400, 'invalid_argument', 'the path is not properly percent-encoded')),
      );
    },
  });
  assert(port);
  return { fastify, port };
}

function rpcsOf(dialects: readonly Dialect[]): DescMethod[] {
  return dialects.flatMap(({ rpcs, streams = [] }) => [...rpcs, ...streams].map(({ method }) => method));
}

/** Without the query. */
function pathOf({ raw }: FastifyRequest): string {
  return raw.url?.split('?', 1)[0] ?? '/';
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
