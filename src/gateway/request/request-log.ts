import type { Tracer } from '@opentelemetry/api';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Http2ServerRequest } from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { EndedExchange, Exchange } from '../contract/exchange.ts';
import type { Connection } from '../port/connection.ts';
import type { FindPeer } from '../port/peer-address.ts';
import { isLocalRequest } from './local-request.ts';
import { hasSeveralAuthorizations, hostOf } from './request-headers.ts';
import { beginRequestSpan, traceIdOf } from './request-span.ts';

/** What is known of a request when it arrives. */
export interface Arrival {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: string[];
  readonly socket: Socket;
  /** Undefined if it has ended by now. */
  readonly connection: Connection | undefined;
}

/** An exchange whose end the caller reports. */
export interface OpenExchange {
  readonly exchange: Exchange;
  /** To be called once. */
  readonly end: (outcome: Pick<EndedExchange, 'status' | 'isAborted'>) => void;
}

/** A call that is counted for its address until it ends. */
export interface CallInFlight {
  /** Too many calls of its address are in flight; this one is not counted. */
  readonly isCrowded: boolean;
  /** To be called when it ends. */
  readonly leave: () => void;
}

/** Counts a call in flight for the canonical address that it came from, past the trusted proxies. */
export type EnterCall = (call: {
  readonly connection: { readonly isTrustedProxy: boolean } | undefined;
  readonly peer: string;
}) => CallInFlight;

/** What following exchanges needs. */
export interface ExchangeOptions {
  readonly enterCall: EnterCall;
  /** Finds the connection of a socket or of an HTTP/2 session. */
  readonly connectionOf: (source: object | undefined) => Connection | undefined;
  /** See `isLocalServer`. */
  readonly mayBeLocal: boolean;
  readonly findPeer: FindPeer;
  /** Called for each exchange that has ended. */
  readonly onEnd?: ((ended: EndedExchange) => void) | undefined;
  /** Records a span of each request. */
  readonly tracer?: Tracer | undefined;
}

/** Follows every request from its arrival to the end of its answer, and then logs one line. */
export class Exchanges {
  readonly #log: Logger;
  readonly #options: ExchangeOptions;
  readonly #byRequest = new WeakMap<IncomingMessage, Exchange>();

  /** @param log gets one line per request, with the trace id, and without headers, query and body */
  constructor(log: Logger, options: ExchangeOptions) {
    this.#log = log;
    this.#options = options;
  }

  /** Begins the exchange of a request. It ends when the answer has ended or the client has gone away. */
  begin(request: FastifyRequest, reply: FastifyReply): Exchange {
    const { id: requestId, method, raw } = request;
    const { headers, rawHeaders, socket, url: path = '/' } = raw;
    const connection = this.#options.connectionOf(sourceOf(raw));
    const { exchange, end } = this.open({ requestId, method, path, headers, rawHeaders, socket, connection });
    this.#byRequest.set(raw, exchange);
    reply.raw.once('close', () => end({ status: reply.raw.statusCode, isAborted: !reply.raw.writableEnded }));
    return exchange;
  }

  /** The exchange of a request that has begun. */
  of({ raw }: FastifyRequest): Exchange | undefined {
    return this.#byRequest.get(raw);
  }

  /** Begins the exchange of a request that does not pass through the web framework. */
  open(arrival: Arrival): OpenExchange {
    const { enterCall, findPeer, mayBeLocal, onEnd, tracer } = this.#options;
    const span = tracer && beginRequestSpan(tracer, arrival);
    const peer = findPeer(arrival.socket.remoteAddress, arrival.headers);
    const { isCrowded, leave } = enterCall({ connection: arrival.connection, peer });
    const exchange = exchangeOf(arrival, { peer, isCrowded, isLocal: mayBeLocal, span });
    return {
      exchange,
      end: (outcome) => {
        leave();
        const ended = { ...outcome, found: exchange.found, durationMs: performance.now() - exchange.startedMs };
        onEnd?.(ended);
        span?.end(ended);
        this.#log.info(lineOf(arrival.method, exchange, ended), 'request');
      },
    };
  }
}

/** For HTTP/2 the session, because Node wraps the socket of a request in a proxy. */
function sourceOf(request: IncomingMessage): object | undefined {
  return request instanceof Http2ServerRequest ? request.stream.session : request.socket;
}

/**
 * The verified client certificate of a connection; undefined without TLS, or if no certificate was requested. The socket of an
 * HTTP/2 request is a proxy that passes for a TLS socket.
 */
export function peerCertificateOf(socket: Socket): X509Certificate | undefined {
  return socket instanceof TLSSocket && socket.authorized ? socket.getPeerX509Certificate() : undefined;
}

function exchangeOf(
  arrival: Arrival,
  { peer, isCrowded, isLocal: mayBeLocal, span }: Pick<Exchange, 'peer' | 'isCrowded' | 'isLocal' | 'span'>,
): Exchange {
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
    ...(found.isReplayed && { isReplayed: true }),
    durationMs: Math.round(durationMs * 1000) / 1000,
  };
}
