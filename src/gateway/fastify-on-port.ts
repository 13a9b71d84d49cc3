import assert from 'node:assert/strict';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { requestIdOf } from './request/request-headers.ts';
import { toOriginForm } from './request/request-target.ts';
import { describeUnknownError } from './errors/unknown-error.ts';
import { plainAnswer, serializeAnswer } from './errors/rest-problems.ts';
import { sendAnswer } from './rest/send-answer.ts';
import type { Connections } from './port/connections.ts';
import {
  createPort,
  defaultPortTimeouts,
  headerBytesMax,
  type Port,
  type PortOptions,
  type PortTimeouts,
  type PortTls,
} from './port/port.ts';

/** What a fastify instance on a port of ours is made of. */
export interface FastifyOnPortParts {
  readonly log: Logger;
  readonly tls?: PortTls;
  readonly timeouts?: Partial<PortTimeouts>;
  /** Paths whose requests may take as long as they like. */
  readonly untimedPaths: PortOptions['untimedPaths'];
  readonly connections: Connections;
  readonly takeStream: PortOptions['takeStream'];
  /** Called for each request that passes no hook. */
  readonly begin: (request: FastifyRequest, reply: FastifyReply) => void;
}

/** Creates a fastify instance whose connections come through a port of ours, which has HTTP/1.1, HTTP/2 and TLS. */
export function createFastifyOnPort(parts: FastifyOnPortParts): {
  readonly fastify: FastifyInstance;
  readonly port: Port;
} {
  const { begin, connections, log, takeStream, tls, untimedPaths } = parts;
  const timeouts = { ...defaultPortTimeouts, ...parts.timeouts };
  const onAcceptError = (error: Error): void =>
    log.error({ error: describeUnknownError(error) }, 'a connection was not accepted');
  let port: Port | undefined;
  const fastify = Fastify({
    serverFactory(listener) {
      port = createPort(listener, {
        timeouts,
        untimedPaths,
        connections,
        takeStream,
        onAcceptError,
        ...(tls && { tls }),
      });
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
      const refusal = plainAnswer(400, 'invalid_argument', 'the path is not properly percent-encoded');
      sendAnswer(request, reply, serializeAnswer(refusal));
    },
  });
  assert(port);
  return { fastify, port };
}
