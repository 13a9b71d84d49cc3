import assert from 'node:assert/strict';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { plainAnswer, serializeAnswer } from './errors/rest-problems.ts';
import { describeUnknownError } from './errors/unknown-error.ts';
import {
  createPort,
  defaultPortTimeouts,
  headerBytesMax,
  type Port,
  type PortOptions,
  type PortTimeouts,
} from './port/port.ts';
import { requestIdOf } from './request/request-headers.ts';
import { toOriginForm } from './request/request-target.ts';
import { sendAnswer } from './rest/send-answer.ts';

/** What a fastify instance on a port needs. */
export interface FastifyOnPortParts extends Omit<PortOptions, 'timeouts' | 'onAcceptError'> {
  readonly log: Logger;
  readonly timeouts?: Partial<PortTimeouts>;
  /** Called for each request that the router refuses before any hook. */
  readonly begin: (request: FastifyRequest, reply: FastifyReply) => void;
}

/** Creates a fastify instance whose connections come through a `Port`. */
export function createFastifyOnPort(parts: FastifyOnPortParts): {
  readonly fastify: FastifyInstance;
  readonly port: Port;
} {
  const { begin, log } = parts;
  const timeouts = { ...defaultPortTimeouts, ...parts.timeouts };
  const onAcceptError = (error: Error): void =>
    log.error({ error: describeUnknownError(error) }, 'a connection was not accepted');
  let port: Port | undefined;
  const fastify = Fastify({
    serverFactory(listener) {
      port = createPort(listener, { ...parts, timeouts, onAcceptError });
      return port.http1;
    },
    genReqId: ({ headers }) => requestIdOf(headers),
    return503OnClosing: false,
    exposeHeadRoutes: true,
    rewriteUrl: toOriginForm,
    // The port answers what is not a request.
    clientErrorHandler: () => undefined,
    // Queries are read where they are needed, up to their limit.
    routerOptions: { maxParamLength: headerBytesMax, querystringParser: () => ({}) },
    frameworkErrors: (_error, request, reply) => {
      begin(request, reply);
      const refusal = plainAnswer(400, 'invalid_argument', 'the path is not properly percent-encoded');
      sendAnswer(request, reply, serializeAnswer(refusal));
    },
  });
  assert(port);
  return { fastify, port };
}
