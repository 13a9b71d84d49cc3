import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Http2ServerRequest } from 'node:http2';
import type { Socket } from 'node:net';
import type { Tracer } from '@opentelemetry/api';
import type { Logger } from 'pino';
import type { EndedExchange, Exchange, RequestSpan } from '../contract/exchange.ts';
import type { Connection } from '../port/connection.ts';
import type { FindPeer } from '../port/peer-address.ts';
import { peerCertificateOf } from './peer-certificate.ts';
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
  /** Undefined where it has ended by now. */
  readonly connection: Connection | undefined;
}

/** An exchange whose end is told by hand. */
export interface OpenExchange {
  readonly exchange: Exchange;
  /** To be called once. */
  readonly end: (outcome: Pick<EndedExchange, 'status' | 'isAborted'>) => void;
}

/** A call that counts for its address until it ends. */
interface CallInFlight {
  readonly isCrowded: boolean;
  readonly leave: () => void;
}

/** How requests are followed. */
export interface FollowingOptions {
  /** Counts a call in flight. */
  readonly enterCall: (call: Pick<Exchange, 'connection' | 'peer'>) => CallInFlight;
  /** Finds the connection of a socket or of a session of HTTP/2. */
  readonly connectionOf: (source: object | undefined) => Connection | undefined;
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
    const peer = options.findPeer(arrival.socket.remoteAddress, arrival.headers);
    const { isCrowded, leave } = options.enterCall({ connection: arrival.connection, peer });
    const exchange = exchangeOf(arrival, { peer, isCrowded, mayBeLocal: options.mayBeLocal, span });
    return {
      exchange,
      end(outcome) {
        leave();
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
      const connection = options.connectionOf(sourceOf(raw));
      const { exchange, end } = open({ requestId, method, path, headers, rawHeaders, socket, connection });
      exchanges.set(raw, exchange);
      reply.raw.once('close', () => end({ status: reply.raw.statusCode, isAborted: !reply.raw.writableEnded }));
      return exchange;
    },
    of: ({ raw }) => exchanges.get(raw),
  };
}

/** Of a request of HTTP/2 it is the session: its socket is hidden by a proxy. */
function sourceOf(request: IncomingMessage): object | undefined {
  return request instanceof Http2ServerRequest ? request.stream.session : request.socket;
}

interface ExchangeOrigin {
  readonly peer: string;
  readonly isCrowded: boolean;
  readonly mayBeLocal: boolean;
  readonly span: RequestSpan | undefined;
}

function exchangeOf(arrival: Arrival, { peer, isCrowded, mayBeLocal, span }: ExchangeOrigin): Exchange {
  const { requestId, headers, socket, connection } = arrival;
  const { remoteAddress: socketAddress } = socket;
  return {
    requestId,
    traceId: span?.traceId ?? traceIdOf(headers),
    peer,
    isLocal: mayBeLocal && isLocalRequest({ socketAddress, peer, headers, host: hostOf(arrival) }),
    peerCertificate: peerCertificateOf(socket),
    hasSeveralAuthorizations: hasSeveralAuthorizations(arrival),
    connection,
    isCrowded,
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
