import type { ConnectError } from '@connectrpc/connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import type { IncomingHttpHeaders } from 'node:http2';
import { timerMsMax } from './connect-request.ts';
import { encodeStatusMessage } from './status-message.ts';

const contentTypes: ReadonlySet<string> = new Set(['application/grpc', 'application/grpc+proto']);

/** What every answer is labelled as, whichever of the two names the request was. */
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
 * Tells whether a request is a call of gRPC as its clients make them: protobuf without compression, and nothing odd about it.
 * `te: trailers` is not asked for.
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

/** How many milliseconds a call has; Infinity without a `grpc-timeout`, undefined where that is none. */
export function timeoutOf({ 'grpc-timeout': timeout }: IncomingHttpHeaders): number | undefined {
  if (timeout === undefined) return Infinity;
  const [, amount, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(timeout)) ?? [];
  const milliseconds = millisecondsOf[unit];
  return milliseconds && Math.min(Number(amount) * milliseconds, timerMsMax);
}

/** How a call ended, with the details of an error. */
export function trailersOf(error: ConnectError): Record<string, string> {
  const trailers = Object.fromEntries(setTrailerStatus(new Headers(), error));
  return { ...trailers, 'grpc-message': encodeStatusMessage(error.rawMessage) };
}
