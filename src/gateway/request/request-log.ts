import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Tracer } from '@opentelemetry/api';
import type { Logger } from 'pino';
import type { EndedExchange, Exchange, RequestSpan } from './exchange.ts';
import type { FindPeer } from '../port/peer-address.ts';
import { peerCertificateOf } from '../port/peer-certificate.ts';
import { beginRequestSpan } from './request-span.ts';
import { hasSeveralAuthorizations, hostOf, isLocalRequest } from './request-identity.ts';
import { traceIdOf } from './trace-context.ts';

/** Follows every request from its first hook to the end of its answer. */
export interface Exchanges {
  /** Begins an exchange; when the answer has ended, or the client has gone away, one line is logged. */
  begin(request: FastifyRequest, reply: FastifyReply): Exchange;
  /** The exchange of a request that has begun. */
  of(request: FastifyRequest): Exchange | undefined;
  /** Begins the exchange of a request that came past the web framework. */
  open(arrival: Arrival): OpenExchange;
}

/** What is known of a request when it comes. */
export interface Arrival {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: string[];
  readonly socket: Socket;
}

/** An exchange whose end is told by hand. */
export interface OpenExchange {
  readonly exchange: Exchange;
  /** To be called once. */
  readonly end: (outcome: Pick<EndedExchange, 'status' | 'isAborted'>) => void;
}

/** How requests are followed. */
export interface FollowingOptions {
  /** Whether a request can be local at all; see `isLocalServer`. */
  readonly mayBeLocal: boolean;
  readonly findPeer: FindPeer;
  /** Told of each request that has ended. */
  readonly onEnd?: ((ended: EndedExchange) => void) | undefined;
  /** Records a span of each request. */
  readonly tracer?: Tracer | undefined;
}

/** @param log gets one line a request; none of them holds a header, a query or a body, but the id of its trace */
export function followExchanges(log: Logger, options: FollowingOptions): Exchanges {
  const { onEnd, tracer } = options;
  const exchanges = new WeakMap<IncomingMessage, Exchange>();
  const open = (arrival: Arrival): OpenExchange => {
    const span = tracer && beginRequestSpan(tracer, arrival);
    const exchange = exchangeOf(arrival, options, span);
    return {
      exchange,
      end(outcome) {
        const ended = { ...outcome, found: exchange.found, durationMs: performance.now() - exchange.startedMs };
        onEnd?.(ended);
        span?.end(ended);
        log.info(lineOf(arrival.method, exchange, ended), 'request');
      },
    };
  };
  return {
    open,
    begin(request, reply) {
      const { id: requestId, method, raw } = request;
      const { headers, rawHeaders, socket, url: path = '/' } = raw;
      const { exchange, end } = open({ requestId, method, path, headers, rawHeaders, socket });
      exchanges.set(raw, exchange);
      reply.raw.once('close', () => end({ status: reply.raw.statusCode, isAborted: !reply.raw.writableEnded }));
      return exchange;
    },
    of: ({ raw }) => exchanges.get(raw),
  };
}

function exchangeOf(
  arrival: Arrival,
  { mayBeLocal, findPeer }: FollowingOptions,
  span: RequestSpan | undefined,
): Exchange {
  const { requestId, headers, socket } = arrival;
  const { remoteAddress: socketAddress } = socket;
  const peer = findPeer(socketAddress, headers);
  return {
    requestId,
    traceId: span?.traceId ?? traceIdOf(headers),
    peer,
    isLocal: mayBeLocal && isLocalRequest({ socketAddress, peer, headers, host: hostOf(arrival) }),
    peerCertificate: peerCertificateOf(socket),
    hasSeveralAuthorizations: hasSeveralAuthorizations(arrival),
    startedMs: performance.now(),
    span,
    found: {},
  };
}

function lineOf(method: string, exchange: Exchange, { status, isAborted, durationMs }: EndedExchange) {
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
