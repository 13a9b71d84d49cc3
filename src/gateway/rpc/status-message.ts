import { Code, type ConnectRouter } from '@connectrpc/connect';
import { trailerFlag, trailerParse, trailerSerialize } from '@connectrpc/connect/protocol-grpc-web';
import assert from 'node:assert/strict';
import { isLateUndecodable } from './connect-corrections.ts';

const header = 'grpc-message';
const status = 'grpc-status';
/** One byte of flags and four of the frame's length. */
const frameHeadBytes = 5;

type Handler = ConnectRouter['handlers'][number];
type Response = Awaited<ReturnType<Handler>>;

/**
 * Encodes a gRPC status message: only bytes outside of 0x20 to 0x7E and the percent sign, since many clients show the message
 * without decoding it.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (Percent-Encoded)
 */
export function encodeStatusMessage(text: string): string {
  return text.toWellFormed().replaceAll(/[^ -~]+|%/g, encodeURIComponent);
}

/** Re-encodes the status messages in the trailers of Connect's router, which encodes all characters that a URL would. */
export function encodeStatusMessages({ handlers }: ConnectRouter): void {
  handlers.splice(0, handlers.length, ...handlers.map(withEncodedMessage));
}

function withEncodedMessage(handler: Handler): Handler {
  const handle = async (...request: Parameters<Handler>): Promise<Response> =>
    reencode(await handler(...request), () => isLateUndecodable(request[0].contextValues));
  const { allowedMethods, method, protocolNames, requestPath, service, supportedContentType } = handler;
  return Object.assign(handle, { allowedMethods, method, protocolNames, requestPath, service, supportedContentType });
}

/** Trailers are complete at the end of the body; gRPC-Web sends them as its last frame. */
function reencode(response: Response, isLate: () => boolean): Response {
  const { body, header: headers, trailer } = response;
  const isWeb = headers?.get('content-type')?.startsWith('application/grpc-web') === true;
  if (!body || (!trailer && !isWeb)) return response;
  return {
    ...response,
    body: mapBody(body, {
      piece: (bytes) => (isWeb && isTrailerFrame(bytes) ? reencodeFrame(bytes, isLate) : bytes),
      end: () => trailer && reencodeTrailer(trailer, isLate),
    }),
  };
}

interface BodySteps {
  readonly piece: (bytes: Uint8Array) => Uint8Array;
  readonly end: () => void;
}

/** Passes `throw` and `return` through: they notify the router that nothing more can be written. */
function mapBody(body: AsyncIterable<Uint8Array>, { piece, end }: BodySteps): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const pieces = body[Symbol.asyncIterator]();
      return {
        async next() {
          const next = await pieces.next();
          if (next.done !== true) return { done: false, value: piece(next.value) };
          end();
          return next;
        },
        ...(pieces.throw && { throw: (error: unknown) => passOn(pieces.throw?.(error)) }),
        ...(pieces.return && { return: () => passOn(pieces.return?.()) }),
      };
    },
  };
}

function passOn<Result>(result: Promise<Result> | undefined): Promise<Result> {
  assert(result);
  return result;
}

function isTrailerFrame(bytes: Uint8Array): boolean {
  return bytes[0] === trailerFlag;
}

function reencodeFrame(frame: Uint8Array, isLate: () => boolean): Uint8Array {
  const trailer = trailerParse(frame.subarray(frameHeadBytes));
  reencodeTrailer(trailer, isLate);
  const bytes = trailerSerialize(trailer);
  const reencoded = Buffer.alloc(frameHeadBytes + bytes.length);
  reencoded.writeUInt8(trailerFlag, 0);
  reencoded.writeUInt32BE(bytes.length, 1);
  reencoded.set(bytes, frameHeadBytes);
  return reencoded;
}

function reencodeTrailer(trailer: Headers, isLate: () => boolean): void {
  if (trailer.get(status) === String(Code.Internal) && isLate()) {
    trailer.set(status, String(Code.DeadlineExceeded));
    trailer.set(header, 'the operation timed out');
  }
  const message = trailer.get(header);
  if (message !== null) trailer.set(header, encodeStatusMessage(decodeURIComponent(message)));
}
