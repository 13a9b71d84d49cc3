import { base64Decode } from '@bufbuild/protobuf/wire';
import { Code, ConnectError } from '@connectrpc/connect';
import type { HandlerContext } from '@connectrpc/connect';
import type { FastifyInstance } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { hostOf } from '../request/request-headers.ts';
import { findMisencodedParameter, parametersMax, readQueryText } from '../request/request-target.ts';

/** The longest time that a timer can wait, in milliseconds; for a longer one it does not wait at all. */
export const timerMsMax = 2 ** 31 - 1;

const millisecondsOf: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000 };

/** What Connect makes a URL of must be one, and what it sets a timer to must be within a timer's reach. */
export function mendOddRequests(scope: FastifyInstance): void {
  scope.addHook('onRequest', async (request, reply) => {
    clampDeadlines(request.raw.headers);
    if (URL.canParse(`http://${hostOf(request.raw) ?? ''}`)) return;
    await reply.code(400).send({ code: 'invalid_argument', message: 'the host is not properly spelt' });
  });
}

/**
 * Shortens deadlines that are further away than a timer can wait.
 *
 * @see https://connectrpc.com/docs/protocol
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export function clampDeadlines(headers: IncomingHttpHeaders): void {
  const connect = headers['connect-timeout-ms'];
  if (typeof connect === 'string' && /^\d{10}$/.test(connect) && Number(connect) > timerMsMax) {
    headers['connect-timeout-ms'] = String(timerMsMax);
  }
  const [, amount, unit = ''] = /^(\d{1,8})([HMS])$/.exec(String(headers['grpc-timeout'])) ?? [];
  if (Number(amount) * (millisecondsOf[unit] ?? 0) > timerMsMax) {
    headers['grpc-timeout'] = `${Math.floor(timerMsMax / 1_000)}S`;
  }
}

/**
 * Refuses a query of too many parameters, a message in it that is no UTF-8, which Connect would change in silence, and one whose
 * base64 is none: what Connect itself takes for a fault of the server.
 *
 * @throws ConnectError `invalid_argument`
 */
export function refuseOddQuery({ requestMethod, url }: HandlerContext): void {
  if (requestMethod !== 'GET') return;
  const text = new URL(url).search.slice('?'.length);
  const { query, isQueryCut } = readQueryText(text);
  if (isQueryCut) {
    throw new ConnectError(`the query must have at most ${parametersMax} parameters`, Code.InvalidArgument);
  }
  if (findMisencodedParameter(text) !== undefined) {
    throw new ConnectError('the query is not percent-encoded UTF-8', Code.InvalidArgument);
  }
  if (query.get('base64') !== '1') return;
  try {
    base64Decode(query.get('message') ?? '');
  } catch {
    throw new ConnectError('the message is not base64', Code.InvalidArgument);
  }
}
