import { createContextValues, Code, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { fastifyConnectPlugin } from '@connectrpc/connect-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import assert from 'node:assert/strict';
import { exchangeKey, type Exchange } from '../contract/exchange.ts';
import type { CallRegistry } from '../request/call-registry.ts';
import { publicBodyBytesMax } from '../request/request-body.ts';
import { abortResponse } from '../request/unread-body.ts';
import { answeringMethod } from '../routes/route-table.ts';
import { mendOddRequests } from './connect-request.ts';
import { ConnectUnary } from './connect-unary.ts';
import { createConnectService } from './connect.ts';
import { encodeStatusMessages } from './status-message.ts';
import { createStreamService, abortResponseKey, type StreamParts } from './stream-service.ts';

/** What registering the rpcs works with. */
export interface RpcRegistration extends StreamParts {
  readonly calls: CallRegistry;
  readonly exchangeOf: (request: FastifyRequest) => Exchange | undefined;
  /** Adds services that are not of a dialect. */
  readonly addServices: (router: ConnectRouter) => void;
  /** Refuses a call of those before its body is read. */
  readonly checkServices: (context: HandlerContext) => void;
  /** Cuts off what is still in flight. */
  readonly overdue: AbortSignal;
}

/** Serves gRPC-Web and Connect, and what of gRPC is not answered before: unary calls, streams, and services of the system. */
export async function registerRpcs(scope: FastifyInstance, parts: RpcRegistration): Promise<void> {
  const { addServices, calls, checkServices, exchangeOf, overdue, rpcs } = parts;
  mendOddRequests(scope);
  // Connect refuses the types that it does not know.
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
  const unary = new ConnectUnary(rpcs, calls);
  const replies = new WeakMap<FastifyRequest, FastifyReply>();
  scope.addHook('onRequest', (request, reply, done) => {
    const exchange = exchangeOf(request);
    assert(exchange);
    if (unary.take(request, reply, exchange)) return;
    // What Connect answers to GET it answers to HEAD, of which Node sends no body.
    request.raw.method = answeringMethod(request.method);
    replies.set(request, reply);
    done();
  });
  const connect = createConnectService(rpcs);
  const streams = createStreamService(parts);
  await scope.register(fastifyConnectPlugin, {
    routes: (router) => {
      connect.routes(router);
      streams.routes(router);
      addServices(router);
      encodeStatusMessages(router);
    },
    requestGate: async (context) => {
      await connect.gate(context);
      await streams.gate(context);
      checkServices(context);
    },
    contextValues: (request) =>
      createContextValues()
        .set(exchangeKey, exchangeOf(request))
        .set(abortResponseKey, () => abortResponse(replies.get(request))),
    // Health and reflection have no limit of their own, and need no authentication.
    readMaxBytes: Math.min(publicBodyBytesMax, parts.bodyBytesMax),
    shutdownSignal: overdue,
    // Beside a text that another party chose, the length of compressed data reveals the secret (BREACH).
    compressMinBytes: Number.MAX_SAFE_INTEGER,
  });
}

const grpcType = /^application\/grpc(?:-web)?(?:\+|;|$)/;

/** Tells whether a request that no rpc answers was meant for one: it speaks gRPC, gRPC-Web, or says that it speaks Connect. */
export function isUnknownRpc({ method, raw }: FastifyRequest): boolean {
  const { headers } = raw;
  return method === 'POST' && (isGrpc(headers['content-type']) || headers['connect-protocol-version'] !== undefined);
}

/**
 * Answers such a request with `unimplemented`, each protocol in its own way.
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
  // An answer without a message is one block of headers, which the framework would follow with an empty body.
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
