import type { DescMethod, Message } from '@bufbuild/protobuf';
import { createContextKey, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import assert from 'node:assert/strict';
import { callerOf, reauthenticate, type Authentication, type RequestAuthenticator } from '../admission/authenticate.ts';
import { isDecodingKey } from './connect-outcome.ts';
import type { Dialect } from '../contract/dialect.ts';
import { exchangeKey } from '../contract/exchange.ts';
import type { Guard } from '../admission/guard.ts';
import type { OpenStreams } from '../admission/open-streams.ts';
import { bodyLimitOf } from '../request/request-body.ts';
import { namedCredential, type BoundStream } from '../contract/bound-rpc.ts';
import { createRequestJson } from './request-json.ts';
import { binaryOptions } from '../messages/message-readers.ts';
import { itemsUntilAborted } from '../request/call-registry.ts';
import { jsonOptionsOf, type GuardedAttempt, type RpcService } from './rpc-service.ts';

/** What streams are served with. */
export interface StreamParts {
  readonly dialects: readonly Dialect[];
  readonly rpcs: RpcService;
  readonly authenticator: RequestAuthenticator;
  readonly guard: Guard;
  readonly openStreams: OpenStreams;
  readonly bodyBytesMax: number;
  /** Aborted, with the reason, when the server stops. */
  readonly stopping: AbortSignal;
}

/** The rpcs that answer with streams, for Connect's router, and the gate that stands before them. */
export interface StreamService {
  routes(router: ConnectRouter): void;
  /** Finds out who is calling, before a byte of the body is read. */
  gate(context: HandlerContext): Promise<void>;
}

interface ServedStream {
  readonly dialect: Dialect;
  readonly rpc: BoundStream;
}

/** Under which a stream finds how it is cut off. */
export const abortResponseKey = createContextKey<() => void>(() => undefined, { description: 'cutting off' });

/** For how long a stream that was given up may tell its client why, in milliseconds; it can't where nothing is read of it. */
const lastWordsMs = 500;

const authenticationKey = createContextKey<Authentication | undefined>(undefined, {
  description: 'authentication of a stream',
});

/** Serves streams through Connect's router, each for as long as its caller could open it anew. */
export function createStreamService(parts: StreamParts): StreamService {
  const { bodyBytesMax, dialects, rpcs } = parts;
  const streams = dialects.flatMap((dialect) => (dialect.streams ?? []).map((rpc) => ({ dialect, rpc })));
  const served = new Map<DescMethod, ServedStream>(streams.map((one) => [one.rpc.method, one]));
  return {
    routes(router) {
      for (const one of served.values()) {
        const jsonOptions = { ...jsonOptionsOf(one.dialect), textDecoder: createRequestJson(one.rpc.method.input) };
        const options = { jsonOptions, binaryOptions, readMaxBytes: bodyLimitOf(one.rpc, bodyBytesMax) };
        router.rpc(one.rpc.method, (message, context) => serve(parts, one, { message, context }), options);
      }
    },
    async gate(context) {
      const one = served.get(context.method);
      if (!one) return;
      const attempt = attemptOf(one, context, context.signal);
      try {
        context.values.set(authenticationKey, await rpcs.authenticate(attempt));
      } catch (error) {
        throw await rpcs.refusalOf(error, attempt);
      }
    },
  };
}

interface Opening {
  readonly message: Message;
  readonly context: HandlerContext;
}

async function* serve(
  parts: StreamParts,
  served: ServedStream,
  { message, context }: Opening,
): AsyncGenerator<Message> {
  const { openStreams, rpcs, stopping } = parts;
  context.values.set(isDecodingKey, false);
  const authentication = context.values.get(authenticationKey);
  assert(authentication);
  const open = openStreams.add(() => reauthorize(parts, { served, message }, authentication));
  const abortResponse = context.values.get(abortResponseKey);
  open.signal.addEventListener('abort', () => void setTimeout(abortResponse, lastWordsMs).unref(), { once: true });
  const signal = AbortSignal.any([context.signal, open.signal, stopping]);
  const attempt = attemptOf(served, context, signal);
  try {
    const call = await rpcs.admit(attempt, authentication, message);
    yield* itemsUntilAborted(signal, served.rpc.invoke(message, call));
    // Whatever ended the stream is its end's reason.
    signal.throwIfAborted();
  } catch (error) {
    attempt.exchange.found.credential = namedCredential(served.rpc, message);
    throw await rpcs.refusalOf(open.signal.aborted ? open.signal.reason : error, attempt);
  } finally {
    open.end();
  }
}

/** Whether the caller could open the stream anew; it is not another call. */
async function reauthorize(
  { guard, authenticator }: StreamParts,
  { served, message }: { readonly served: ServedStream; readonly message: Message },
  authentication: Authentication,
): Promise<void> {
  const { dialect, rpc } = served;
  const renewed = await reauthenticate(authenticator, authentication);
  guard.admit({ dialect, rpc, caller: callerOf(rpc, renewed), headers: authentication.input.headers, message });
}

function attemptOf(served: ServedStream, context: HandlerContext, signal: AbortSignal): GuardedAttempt {
  const exchange = context.values.get(exchangeKey);
  assert(exchange);
  const { protocolName: protocol, requestHeader: headers } = context;
  return { served, exchange, protocol, headers, signal };
}
