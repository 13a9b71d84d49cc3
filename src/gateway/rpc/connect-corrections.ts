import type { DescMessage } from '@bufbuild/protobuf';
import { isFieldError } from '@bufbuild/protobuf/reflect';
import { base64Decode } from '@bufbuild/protobuf/wire';
import { Code, ConnectError, createContextKey, type HandlerContext, type ContextValues } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import type { FastifyInstance } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { VaultError } from '../../vault/errors.ts';
import type { Exchange } from '../contract/exchange.ts';
import { hostOf } from '../request/request-headers.ts';
import { findMisencodedParameter, parametersMax, readQueryText } from '../request/request-target.ts';

/** The longest delay of a timer, in milliseconds; a timer with a longer one fires immediately. */
export const timerMsMax = 2 ** 31 - 1;

const millisecondsOf: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000 };

/** Prepares requests for Connect, which builds a URL of the host and sets a timer to the deadline. */
export function normalizeRequests(scope: FastifyInstance): void {
  scope.addHook('onRequest', async (request, reply) => {
    clampDeadlines(request.raw.headers);
    if (URL.canParse(`http://${hostOf(request.raw) ?? ''}`)) return;
    await reply.code(400).send({ code: 'invalid_argument', message: 'the host is invalid' });
  });
}

/**
 * Shortens deadlines beyond the longest delay of a timer.
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
 * Refuses a query with too many parameters, a message that is not UTF-8, which Connect would change silently, and invalid
 * base64, which Connect would report as an internal error.
 *
 * @throws ConnectError `invalid_argument`
 */
export function rejectInvalidQuery({ requestMethod, url }: HandlerContext): void {
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

/** Whether a call has been admitted and its request has not been decoded yet. */
export const isDecodingKey = createContextKey(false, { description: 'is decoding' });

/** Whether a call has ended, for example by its deadline; later errors are not replaced. */
const endedKey = createContextKey(false, { description: 'has ended' });

/**
 * Whether a request failed to decode after its call had ended by its deadline: Connect then reports the decoder's error as an
 * internal error.
 */
export function isLateUndecodable(values: ContextValues | undefined): boolean {
  return values !== undefined && values.get(endedKey) && values.get(isDecodingKey);
}

/**
 * Records the outcome of a call, and replaces the errors of decoders: those of JSON quote the invalid value, which may be a
 * secret, and those of protobuf count as internal errors. Connect aborts the call's signal with the error just before it sends
 * it.
 */
export function watchOutcome(context: HandlerContext, found: Exchange['found']): void {
  const { method, signal, values } = context;
  const onAbort = (): void => {
    const { reason } = signal;
    values.set(endedKey, true);
    if (!(reason instanceof ConnectError)) return;
    const isUndecodable = reason.code === Code.Internal && values.get(isDecodingKey);
    if (isUndecodable || quotesValue(reason)) replaceDecodingError(reason, method.input.typeName);
    found.code = codeToString(reason.code);
  };
  signal.addEventListener('abort', onAbort, { once: true });
}

function replaceDecodingError(reason: ConnectError, typeName: string): void {
  const rawMessage = describeUndecodable(typeName, reason.cause);
  Object.defineProperties(reason, { code: { value: Code.InvalidArgument }, rawMessage: { value: rawMessage } });
  reason.message = `[invalid_argument] ${rawMessage}`;
}

/** The error for a request that is not a message. Of the decoder's error, which quotes values, only the field's name is kept. */
export function undecodable({ typeName }: DescMessage, thrown: unknown): ConnectError {
  return new ConnectError(describeUndecodable(typeName, thrown), Code.InvalidArgument);
}

function describeUndecodable(typeName: string, thrown: unknown): string {
  const fault = [thrown, causeOf(thrown)].find((error) => isFieldError(error));
  if (!fault) return `the request cannot be decoded as ${typeName}`;
  const { name } = fault.field();
  return fault.message === sentTwice
    ? `the field ${name} is sent twice`
    : `the field ${name} is not the JSON of ${typeName}`;
}

/** protobuf's message for a field that is sent under both its names, in snake_case and camelCase. */
const sentTwice = 'set multiple times';

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

/** Only decoding errors have another error as their cause: Connect's own errors have none, and ours have a VaultError. */
function quotesValue({ code, cause }: ConnectError): boolean {
  return code === Code.InvalidArgument && cause instanceof Error && !(cause instanceof VaultError);
}
