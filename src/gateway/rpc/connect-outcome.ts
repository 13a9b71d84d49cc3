import type { DescMessage } from '@bufbuild/protobuf';
import { isFieldError } from '@bufbuild/protobuf/reflect';
import { Code, ConnectError, createContextKey } from '@connectrpc/connect';
import type { ContextValues, HandlerContext } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { VaultError } from '../../vault/errors.ts';
import type { Exchange } from '../contract/exchange.ts';

/** Whether the gate has let a call in whose request has not been decoded yet. */
export const isDecodingKey = createContextKey(false, { description: 'is decoding' });

/** Whether a call has ended, such as by its deadline, so that no later error is replaced. */
const endedKey = createContextKey(false, { description: 'has ended' });

/**
 * Whether what ends a call is a request that could not be decoded, but came after the call had ended by its deadline: Connect
 * then writes the decoder's error as a fault of the server.
 */
export function isLateUndecodable(values: ContextValues | undefined): boolean {
  return values !== undefined && values.get(endedKey) && values.get(isDecodingKey);
}

/**
 * Learns how a call ended: Connect aborts its signal with the error, just before it writes it. Errors of decoding JSON quote
 * the value that did not fit, which may be a secret, and those of decoding bytes pass for faults of the server: they are
 * replaced in time.
 */
export function watchOutcome(context: HandlerContext, found: Exchange['found']): void {
  const { method, signal, values } = context;
  const onAbort = (): void => {
    const { reason } = signal;
    values.set(endedKey, true);
    if (!(reason instanceof ConnectError)) return;
    const isUndecodable = reason.code === Code.Internal && values.get(isDecodingKey);
    if (isUndecodable || quotesValue(reason)) blameRequest(reason, method.input.typeName);
    found.code = codeToString(reason.code);
  };
  signal.addEventListener('abort', onAbort, { once: true });
}

function blameRequest(reason: ConnectError, typeName: string): void {
  const rawMessage = sayUndecodable(typeName, reason.cause);
  Object.defineProperties(reason, { code: { value: Code.InvalidArgument }, rawMessage: { value: rawMessage } });
  reason.message = `[invalid_argument] ${rawMessage}`;
}

/** The refusal of what is no message; of a decoder's own words, which quote values, the field's name alone is kept. */
export function undecodable({ typeName }: DescMessage, thrown: unknown): ConnectError {
  return new ConnectError(sayUndecodable(typeName, thrown), Code.InvalidArgument);
}

function sayUndecodable(typeName: string, thrown: unknown): string {
  const fault = [thrown, causeOf(thrown)].find((error) => isFieldError(error));
  if (!fault) return `the request can not be decoded as ${typeName}`;
  const { name } = fault.field();
  return fault.message === sentTwice
    ? `the field ${name} is sent twice`
    : `the field ${name} is not the JSON of ${typeName}`;
}

/** What protobuf's reader answers to a field that is sent under both of its names, in snake_case and camelCase. */
const sentTwice = 'set multiple times';

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

/** Only a decoder's error has another error as its cause: Connect's own have none, and ours have a VaultError. */
function quotesValue({ code, cause }: ConnectError): boolean {
  return code === Code.InvalidArgument && cause instanceof Error && !(cause instanceof VaultError);
}
