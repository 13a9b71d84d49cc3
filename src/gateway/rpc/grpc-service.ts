import { toBinary, type Message } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Logger } from 'pino';
import type { Exchange } from '../contract/exchange.ts';
import { describeUnknownError } from '../errors/unknown-error.ts';
import type { Connection } from '../port/connection.ts';
import { sendBody } from '../port/send-body.ts';
import type { CallRegistry } from '../request/call-registry.ts';
import { readBody } from '../request/read-body.ts';
import { headersByName, requestIdOf } from '../request/request-headers.ts';
import type { Exchanges } from '../request/request-log.ts';
import { drainUnreadStream } from '../request/unread-body.ts';
import { undecodable } from './connect-corrections.ts';
import { grpcContentType, isPlainGrpc, timeoutOf, trailersOf, FrameReader, frameMessage } from './grpc-message.ts';
import { answerHeaders, type RpcAttempt, type RpcService, type ServedRpc } from './rpc-service.ts';

/** What serving gRPC needs. */
export interface GrpcParts {
  readonly rpcs: RpcService;
  readonly calls: CallRegistry;
  readonly exchanges: Exchanges;
  /** Returns the connection of a session. */
  readonly connectionOf: (session: object | undefined) => Connection | undefined;
  /** The most bytes of an unread body that are accepted. */
  readonly bodyBytesMax: number;
  readonly log: Logger;
}

/**
 * Answers the usual unary calls of gRPC clients on Node's HTTP/2 streams: protobuf without compression. All other calls
 * (streams, JSON, compression, gRPC-Web, malformed ones) go to Connect's router.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 * @see docs/decisions/0019-unary-calls-past-connect.md for the figures and the price
 */
export class GrpcService {
  readonly #parts: GrpcParts;
  readonly #servedByPath: ReadonlyMap<string, ServedRpc>;

  constructor(parts: GrpcParts) {
    this.#parts = parts;
    this.#servedByPath = new Map([...parts.rpcs.served.values()].map((served) => [`/${served.name}`, served]));
  }

  /** Takes a stream and begins to answer it; returns false, without side effects, for a call that it does not support. */
  take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: string[]): boolean {
    const served = this.#servedByPath.get(headers[':path'] ?? '');
    const socket = stream.session?.socket;
    if (!served || !socket || !isPlainGrpc(headers)) return false;
    const { connectionOf, exchanges, bodyBytesMax, calls, log, rpcs } = this.#parts;
    const requestId = requestIdOf(headers);
    const { exchange, end } = exchanges.open({
      requestId,
      method: 'POST',
      path: `/${served.name}`,
      headers,
      rawHeaders,
      socket,
      connection: connectionOf(stream.session),
    });
    Object.assign(exchange.found, { protocol: 'grpc', rpc: served.name, route: served.name });
    const call = calls.begin(timeoutOf(headers) ?? Infinity);
    stream.once('aborted', () => call.leave());
    stream.once('close', () => {
      call.end();
      if (stream.aborted) exchange.found.code = 'canceled';
      end({ status: 200, isAborted: stream.aborted });
    });
    stream.on('error', () => undefined);
    drainUnreadStream(stream, bodyBytesMax);
    const attempt = { served, exchange, protocol: 'grpc', headers: headersByName(headers), signal: call.signal };
    serve(rpcs, { stream, exchange }, attempt).catch((error: unknown) => {
      log.error({ requestId, route: served.name, error: describeUnknownError(error) }, 'a refusal could not be sent');
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    });
    return true;
  }
}

interface GrpcCall {
  readonly stream: ServerHttp2Stream;
  readonly exchange: Exchange;
}

async function serve(rpcs: RpcService, call: GrpcCall, attempt: RpcAttempt): Promise<void> {
  const { rpc, bytesMax } = attempt.served;
  try {
    const answer = await rpcs.call(attempt, async () =>
      decode(attempt.served, await readBody(call.stream, new FrameReader(bytesMax), attempt.signal)),
    );
    const frame = frameMessage(toBinary(rpc.method.output, answer));
    rpcs.checkRoom(call.exchange, frame.length);
    sendAnswer(call, frame, answerHeaders(attempt.served, call.exchange));
  } catch (error) {
    sendRefusal(call, await rpcs.refusalOf(error, attempt));
  }
}

function decode({ rpc, readBinary }: ServedRpc, bytes: Uint8Array): Message {
  try {
    return readBinary(bytes);
  } catch (error) {
    throw undecodable(rpc.method.input, error);
  }
}

function sendAnswer(call: GrpcCall, frame: Buffer, headers: Readonly<Record<string, string>>): void {
  const { stream } = call;
  if (isGone(stream)) return;
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.respond({ ...headersOf(call), ...headers }, { waitForTrailers: true });
  sendBody(stream, frame, call.exchange.connection);
}

/** An answer without a message consists of headers only. */
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
