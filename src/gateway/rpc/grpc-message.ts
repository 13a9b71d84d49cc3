import { Code, ConnectError } from '@connectrpc/connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import type { IncomingHttpHeaders } from 'node:http2';
import type { BodyReader } from '../request/read-body.ts';
import { timerMsMax } from './connect-corrections.ts';
import { encodeStatusMessage } from './status-message.ts';

/** One byte of flags and four of the message's length. */
const headBytes = 5;
const compressedFlag = 1;

/**
 * Frames a message, uncompressed.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (Length-Prefixed-Message)
 */
export function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, headBytes);
  return frame;
}

/** Assembles a frame from pieces of any size, with at most twice the memory of the received bytes. */
export class FrameReader implements BodyReader {
  readonly #bytesMax: number;
  #frame: Buffer = Buffer.alloc(0);
  #length = 0;

  /** @param bytesMax the largest message */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Adds the next piece.
   *
   * @throws ConnectError `resource_exhausted` once the message declares more than `bytesMax`, `internal` where it is compressed
   *   although the call names no compression, `unimplemented` for a second message
   */
  add(piece: Buffer): void {
    const hadHead = this.#length >= headBytes;
    this.#append(piece);
    if (this.#length < headBytes) return;
    if (!hadHead) this.#checkHead();
    if (this.#length > this.#frameBytes()) throw new ConnectError('more than one message', Code.Unimplemented);
  }

  /**
   * Returns the message.
   *
   * @throws ConnectError `unimplemented` without a message, `invalid_argument` for an incomplete one
   */
  end(): Uint8Array {
    if (this.#length === 0) throw new ConnectError('no message', Code.Unimplemented);
    if (this.#length < headBytes || this.#length < this.#frameBytes()) {
      throw new ConnectError('the message is cut off', Code.InvalidArgument);
    }
    return this.#frame.subarray(headBytes, this.#length);
  }

  /** Most frames arrive in one piece, which is not copied. */
  #append(piece: Buffer): void {
    const length = this.#length + piece.length;
    if (this.#length === 0) this.#frame = piece;
    else {
      if (this.#frame.length < length) this.#frame = Buffer.concat([this.#frame.subarray(0, this.#length)], length * 2);
      piece.copy(this.#frame, this.#length);
    }
    this.#length = length;
  }

  #checkHead(): void {
    const flags = this.#frame.readUInt8(0);
    if (flags === compressedFlag) throw new ConnectError('a compressed message without grpc-encoding', Code.Internal);
    if (flags !== 0) throw new ConnectError('unknown flags of a message', Code.Internal);
    if (this.#frameBytes() > headBytes + this.#bytesMax) {
      throw new ConnectError(`the message is larger than ${this.#bytesMax} bytes`, Code.ResourceExhausted);
    }
  }

  #frameBytes(): number {
    return headBytes + this.#frame.readUInt32BE(1);
  }
}

const contentTypes: ReadonlySet<string> = new Set(['application/grpc', 'application/grpc+proto']);

/** The content type of every answer, whichever of the two the request has. */
export const grpcContentType = 'application/grpc+proto';

const millisecondsOf: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/**
 * Whether a request is a usual gRPC call: protobuf without compression, and no uncommon headers. `te: trailers` is not
 * required.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (Requests)
 */
export function isPlainGrpc(headers: IncomingHttpHeaders): boolean {
  const {
    ':method': method,
    'content-type': type = '',
    'grpc-encoding': encoding = 'identity',
    host,
    expect,
  } = headers;
  if (method !== 'POST' || !contentTypes.has(type) || encoding !== 'identity') return false;
  return host === undefined && expect === undefined && timeoutOf(headers) !== undefined;
}

/** The timeout of a call in milliseconds: Infinity without one, undefined for an invalid one. */
export function timeoutOf({ 'grpc-timeout': timeout }: IncomingHttpHeaders): number | undefined {
  if (timeout === undefined) return Infinity;
  const [, amount, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(timeout)) ?? [];
  const milliseconds = millisecondsOf[unit];
  return milliseconds && Math.min(Number(amount) * milliseconds, timerMsMax);
}

/** The trailers of a failed call, with the details of its error. */
export function trailersOf(error: ConnectError): Record<string, string> {
  const trailers = Object.fromEntries(setTrailerStatus(new Headers(), error));
  return { ...trailers, 'grpc-message': encodeStatusMessage(error.rawMessage) };
}
