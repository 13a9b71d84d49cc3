import { fromBinary, toBinary, type DescMessage, type Message } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Logger } from 'pino';
import { dropUnreadBody } from './close-behind.ts';
import { shuttingDown } from './connect-errors.ts';
import { undecodable } from './connect-outcome.ts';
import type { Exchange } from './exchange.ts';
import { grpcContentType, isPlainGrpc, timeoutOf, trailersOf } from './grpc-headers.ts';
import { frameMessage, readMessage } from './grpc-message.ts';
import type { FindPeer } from './peer-address.ts';
import { headersByName } from './request-headers.ts';
import { requestIdOf } from './request-identity.ts';
import type { Exchanges } from './request-log.ts';
import type { RpcAttempt, RpcService, ServedRpc } from './rpc-service.ts';
import { describeUnknownError } from './unknown-error.ts';

/** What gRPC is served with. */
export interface GrpcParts {
  readonly rpcs: RpcService;
  readonly exchanges: Exchanges;
  readonly findPeer: FindPeer;
  /** The most bytes of a body that are let in although nobody reads them. */
  readonly bodyBytesMax: number;
  readonly log: Logger;
}

/**
 * Answers the unary calls of gRPC on HTTP/2's own streams, as its clients make them: protobuf without compression. What it does
 * not take (streaming calls, JSON, compression, gRPC-Web, mistakes) goes to Connect.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export class GrpcService {
  readonly #parts: GrpcParts;
  readonly #servedByPath: ReadonlyMap<string, ServedRpc>;
  readonly #inFlight = new Set<AbortController>();

  constructor(parts: GrpcParts) {
    this.#parts = parts;
    this.#servedByPath = new Map([...parts.rpcs.served.values()].map((served) => [`/${served.name}`, served]));
  }

  /** Begins to answer a stream; false where it is none for this service, and nothing has happened to it. */
  take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: string[]): boolean {
    const served = this.#servedByPath.get(headers[':path'] ?? '');
    const socket = stream.session?.socket;
    if (!served || !socket || !isPlainGrpc(headers)) return false;
    const { exchanges, findPeer, bodyBytesMax, log, rpcs } = this.#parts;
    const requestId = requestIdOf(headers);
    const peer = findPeer(socket.remoteAddress, headers);
    const { exchange, end } = exchanges.open({ requestId, method: 'POST', peer, headers, rawHeaders, socket });
    Object.assign(exchange.found, { protocol: 'grpc', rpc: served.name, route: served.name });
    const controller = this.#begin(stream, timeoutOf(headers));
    const call = { stream, exchange };
    stream.once('close', () => {
      if (stream.aborted) exchange.found.code = 'canceled';
      end({ status: 200, isAborted: stream.aborted });
    });
    stream.on('error', () => undefined);
    dropUnreadBody(stream, bodyBytesMax);
    const { signal } = controller;
    const attempt = { served, exchange, protocol: 'grpc', headers: headersByName(headers), signal };
    serve(rpcs, call, attempt).catch((error: unknown) => {
      log.error({ requestId, route: served.name, error: describeUnknownError(error) }, 'a refusal could not be sent');
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    });
    return true;
  }

  /** Gives up all calls that are in flight. */
  abort(): void {
    for (const controller of this.#inFlight) controller.abort(shuttingDown());
  }

  /** A call is given up when its time is over, and when its client goes away. */
  #begin(stream: ServerHttp2Stream, timeoutMs = Infinity): AbortController {
    const controller = new AbortController();
    const expire = (): void => controller.abort(new ConnectError('the deadline has passed', Code.DeadlineExceeded));
    const timer = Number.isFinite(timeoutMs) ? setTimeout(expire, timeoutMs) : undefined;
    this.#inFlight.add(controller);
    stream.once('aborted', () => controller.abort(new ConnectError('the client went away', Code.Canceled)));
    stream.once('close', () => {
      clearTimeout(timer);
      this.#inFlight.delete(controller);
    });
    return controller;
  }
}

interface GrpcCall {
  readonly stream: ServerHttp2Stream;
  readonly exchange: Exchange;
}

async function serve(rpcs: RpcService, call: GrpcCall, attempt: RpcAttempt): Promise<void> {
  const { rpc, bytesMax } = attempt.served;
  try {
    const proof = await rpcs.letIn(attempt);
    const bytes = await readMessage(call.stream, bytesMax, attempt.signal);
    const message = decode(rpc.method.input, bytes);
    const answer = await rpcs.answer(attempt, proof, message);
    sendAnswer(call, frameMessage(toBinary(rpc.method.output, answer)), attempt.served.headers);
  } catch (error) {
    sendRefusal(call, await rpcs.refusalOf(error, attempt));
  }
}

/** A decoder's own words are dropped, since they may quote values. */
function decode(schema: DescMessage, bytes: Uint8Array): Message {
  try {
    return fromBinary(schema, bytes);
  } catch {
    throw undecodable(schema);
  }
}

function sendAnswer(call: GrpcCall, frame: Buffer, headers: Readonly<Record<string, string>>): void {
  const { stream } = call;
  if (isGone(stream)) return;
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.respond({ ...headersOf(call), ...headers }, { waitForTrailers: true });
  stream.end(frame);
}

/** An answer without a message is one block of headers. */
function sendRefusal(call: GrpcCall, error: ConnectError): void {
  const { stream, exchange } = call;
  exchange.found.code = codeToString(error.code);
  if (isGone(stream)) return;
  stream.respond({ ...headersOf(call), ...trailersOf(error) }, { endStream: true });
}

function headersOf({ exchange }: GrpcCall) {
  return {
    ':status': 200,
    'content-type': grpcContentType,
    'x-request-id': exchange.requestId,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  };
}

function isGone(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed;
}
