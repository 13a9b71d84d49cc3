import { createContextValues, Code, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { fastifyConnectPlugin } from '@connectrpc/connect-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import assert from 'node:assert/strict';
import { exchangeKey, type Exchange } from '../contract/exchange.ts';
import type { CallRegistry } from '../request/call-registry.ts';
import { publicBodyBytesMax } from '../request/request-body.ts';
import { abortResponse } from '../request/unread-body.ts';
import { answeringMethod } from '../routes/route-table.ts';
import { normalizeRequests } from './connect-corrections.ts';
import { ConnectUnary } from './connect-unary.ts';
import { abortResponseKey, createConnectService, type ConnectParts } from './connect.ts';
import { encodeStatusMessages } from './status-message.ts';

/** What registering the rpcs needs. */
export interface RpcRegistration extends ConnectParts {
  readonly calls: CallRegistry;
  readonly exchangeOf: (request: FastifyRequest) => Exchange | undefined;
  /** Adds the services that belong to no dialect. */
  readonly addServices: (router: ConnectRouter) => void;
  /** Refuses a call of those services before its body is read. */
  readonly checkServices: (context: HandlerContext) => void;
  /** Aborted to abort the calls in flight. */
  readonly overdue: AbortSignal;
}

/** Serves Connect, gRPC-Web and the gRPC calls that `GrpcService` does not take, for dialects and system services. */
export async function registerRpcs(scope: FastifyInstance, parts: RpcRegistration): Promise<void> {
  const { addServices, calls, checkServices, exchangeOf, overdue, rpcs } = parts;
  normalizeRequests(scope);
  // Connect refuses the content types that it does not support.
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
  const unary = new ConnectUnary(rpcs, calls);
  const replies = new WeakMap<FastifyRequest, FastifyReply>();
  scope.addHook('onRequest', (request, reply, done) => {
    const exchange = exchangeOf(request);
    assert(exchange);
    if (unary.take(request, reply, exchange)) return;
    // HEAD is answered as GET; Node sends no body.
    request.raw.method = answeringMethod(request.method);
    replies.set(request, reply);
    done();
  });
  const connect = createConnectService(parts);
  await scope.register(fastifyConnectPlugin, {
    routes: (router) => {
      connect.routes(router);
      addServices(router);
      encodeStatusMessages(router);
    },
    requestGate: async (context) => {
      await connect.gate(context);
      checkServices(context);
    },
    contextValues: (request) =>
      createContextValues()
        .set(exchangeKey, exchangeOf(request))
        .set(abortResponseKey, () => abortResponse(replies.get(request))),
    // The limit for health and reflection, which require no authentication.
    readMaxBytes: Math.min(publicBodyBytesMax, parts.bodyBytesMax),
    shutdownSignal: overdue,
    // Never compress: next to attacker-chosen text, the length of compressed data reveals secrets (BREACH).
    compressMinBytes: Number.MAX_SAFE_INTEGER,
  });
}

const grpcType = /^application\/grpc(?:-web)?(?:\+|;|$)/;

/** Whether a request without a route is an rpc call by its headers: of gRPC, gRPC-Web or Connect. */
export function isUnknownRpc({ method, raw }: FastifyRequest): boolean {
  const { headers } = raw;
  return method === 'POST' && (isGrpc(headers['content-type']) || headers['connect-protocol-version'] !== undefined);
}

/**
 * Answers such a request with `unimplemented` in the form of its protocol.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (Trailers-Only)
 */
export function refuseUnknownRpc({ raw }: FastifyRequest, reply: FastifyReply): void {
  const contentType = raw.headers['content-type'];
  const message = 'no such rpc';
  if (!isGrpc(contentType)) {
    reply.code(404).type('application/json').send({ code: 'unimplemented', message });
    return;
  }
  // A gRPC answer without a message consists of headers only; the framework would add an empty body.
  reply.hijack();
  const headers = {
    ...reply.getHeaders(),
    'content-type': contentType,
    'grpc-status': Code.Unimplemented,
    'grpc-message': message,
  };
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) reply.raw.setHeader(name, value);
  reply.raw.end();
}

function isGrpc(contentType: string | undefined): contentType is string {
  return contentType !== undefined && grpcType.test(contentType);
}
