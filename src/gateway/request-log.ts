import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { EndedExchange, Exchange } from './exchange.ts';
import { peerCertificateOf } from './peer-certificate.ts';
import { hasSeveralAuthorizations, hostOf, isLocalRequest } from './request-identity.ts';
import { traceIdOf } from './trace-context.ts';

/** Follows every request from its first hook to the end of its answer. */
export interface Exchanges {
  /** Begins an exchange; when the answer has ended, or the client has gone away, one line is logged. */
  begin(request: FastifyRequest, reply: FastifyReply): Exchange;
  /** The exchange of a request that has begun. */
  of(request: FastifyRequest): Exchange | undefined;
}

/** How requests are followed. */
export interface FollowingOptions {
  /** Whether a request can be local at all; see `isLocalServer`. */
  readonly mayBeLocal: boolean;
  /** Told of each request that has ended. */
  readonly onEnd?: ((ended: EndedExchange) => void) | undefined;
}

/** @param log gets one line a request; none of them holds a header, a query or a body, but the id of its trace */
export function followExchanges(log: Logger, { mayBeLocal, onEnd }: FollowingOptions): Exchanges {
  const exchanges = new WeakMap<IncomingMessage, Exchange>();
  return {
    begin(request, reply) {
      const { raw } = request;
      const exchange: Exchange = {
        requestId: request.id,
        traceId: traceIdOf(raw.headers),
        peer: peerOf(request),
        isLocal:
          mayBeLocal &&
          isLocalRequest({
            socketAddress: raw.socket.remoteAddress,
            peer: peerOf(request),
            headers: raw.headers,
            host: hostOf(raw),
          }),
        peerCertificate: peerCertificateOf(raw.socket),
        hasSeveralAuthorizations: hasSeveralAuthorizations(raw),
        startedMs: performance.now(),
        found: {},
      };
      exchanges.set(raw, exchange);
      reply.raw.once('close', () => {
        const ended = endOf(reply, exchange);
        onEnd?.(ended);
        log.info(lineOf(request, exchange, ended), 'request');
      });
      return exchange;
    },
    of: ({ raw }) => exchanges.get(raw),
  };
}

/** Nothing is known of a connection that has ended before its request was looked at, although the type says otherwise. */
function peerOf({ ip }: { readonly ip: string | undefined }): string {
  return ip ?? '';
}

function endOf({ raw }: FastifyReply, { found, startedMs }: Exchange): EndedExchange {
  const durationMs = performance.now() - startedMs;
  return { found, status: raw.statusCode, isAborted: !raw.writableEnded, durationMs };
}

function lineOf({ method }: FastifyRequest, exchange: Exchange, { status, isAborted, durationMs }: EndedExchange) {
  const { requestId, traceId, peer, found } = exchange;
  const { protocol, dialect, route, code } = found;
  return {
    requestId,
    ...(traceId !== undefined && { traceId }),
    peer,
    method,
    route,
    protocol,
    dialect,
    code,
    status,
    ...(isAborted && { isAborted }),
    durationMs: Math.round(durationMs * 1000) / 1000,
  };
}
