import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { Exchange } from './exchange.ts';
import { peerCertificateOf } from './peer-certificate.ts';
import { hasSeveralAuthorizations, hostOf, isLocalRequest } from './request-identity.ts';

/** Follows every request from its first hook to the end of its answer. */
export interface Exchanges {
  /** Begins an exchange; when the answer has ended, or the client has gone away, one line is logged. */
  begin(request: FastifyRequest, reply: FastifyReply): Exchange;
  /** The exchange of a request that has begun. */
  of(request: FastifyRequest): Exchange | undefined;
}

/**
 * @param log gets one line a request; none of them holds a header, a query or a body
 * @param mayBeLocal whether a request can be local at all; see `isLocalServer`
 */
export function followExchanges(log: Logger, { mayBeLocal }: { readonly mayBeLocal: boolean }): Exchanges {
  const exchanges = new WeakMap<IncomingMessage, Exchange>();
  return {
    begin(request, reply) {
      const { raw } = request;
      const exchange: Exchange = {
        requestId: request.id,
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
      reply.raw.once('close', () => log.info(lineOf(request, reply, exchange), 'request'));
      return exchange;
    },
    of: ({ raw }) => exchanges.get(raw),
  };
}

/** Nothing is known of a connection that has ended before its request was looked at, although the type says otherwise. */
function peerOf({ ip }: { readonly ip: string | undefined }): string {
  return ip ?? '';
}

function lineOf({ method }: FastifyRequest, { raw }: FastifyReply, exchange: Exchange) {
  const { requestId, peer, startedMs, found } = exchange;
  const { protocol, dialect, route, code } = found;
  return {
    requestId,
    peer,
    method,
    route,
    protocol,
    dialect,
    code,
    status: raw.statusCode,
    // The client did not wait for the end.
    ...(!raw.writableEnded && { isAborted: true }),
    durationMs: Math.round((performance.now() - startedMs) * 1000) / 1000,
  };
}
