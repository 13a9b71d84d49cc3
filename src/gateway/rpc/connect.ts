import { toBinary, type DescMethod, type Message } from '@bufbuild/protobuf';
import { createContextKey, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import assert from 'node:assert/strict';
import { callerOf, reauthenticate, type Authentication, type RequestAuthenticator } from '../admission/authenticate.ts';
import type { Guard } from '../admission/guard.ts';
import type { OpenStreams } from '../admission/open-streams.ts';
import { nameOfRpc, namedCredential, type BoundStream } from '../contract/bound-rpc.ts';
import type { Dialect } from '../contract/dialect.ts';
import { exchangeKey, type Exchange } from '../contract/exchange.ts';
import { binaryOptions } from '../messages/message-readers.ts';
import { itemsUntilAborted } from '../request/call-registry.ts';
import { bodyLimitOf, libraryMessageBytesMax } from '../request/request-body.ts';
import { isDecodingKey, rejectInvalidQuery, watchOutcome } from './connect-corrections.ts';
import { createRequestJson } from './request-json.ts';
import {
  answerHeaders,
  isDeniedUnread,
  jsonOptionsOf,
  type GuardedAttempt,
  type RpcService,
  type ServedRpc,
} from './rpc-service.ts';

/** What serving rpcs and streams through Connect's router needs. */
export interface ConnectParts {
  readonly dialects: readonly Dialect[];
  readonly rpcs: RpcService;
  readonly authenticator: RequestAuthenticator;
  readonly guard: Guard;
  readonly openStreams: OpenStreams;
  readonly bodyBytesMax: number;
  /** Aborted, with the reason, when the server stops. */
  readonly stopping: AbortSignal;
}

/** The rpcs and streams of all dialects in Connect's router. */
export interface ConnectService {
  routes(router: ConnectRouter): void;
  /** Authenticates a call before a byte of its body is read. */
  gate(context: HandlerContext): Promise<void>;
}

interface ServedStream {
  readonly dialect: Dialect;
  readonly rpc: BoundStream;
}

/** Aborts the response of a stream. */
export const abortResponseKey = createContextKey<() => void>(() => undefined, { description: 'abort response' });

/** How long an aborted stream may take to send its error, in milliseconds, before its response is aborted. */
const errorDeliveryMs = 500;

const authenticationKey = createContextKey<Authentication | undefined>(undefined, { description: 'authentication' });
/** The denial of a call whose message is still read for the credential that it names. */
const denialKey = createContextKey<unknown>(undefined, { description: 'denial' });

/** Serves rpcs and streams through Connect's router; a stream lasts only as long as its caller could open it again. */
export function createConnectService(parts: ConnectParts): ConnectService {
  const { bodyBytesMax, dialects, rpcs } = parts;
  const streams = new Map<DescMethod, ServedStream>(
    dialects.flatMap((dialect) => (dialect.streams ?? []).map((rpc) => [rpc.method, { dialect, rpc }] as const)),
  );
  return {
    routes(router) {
      for (const served of rpcs.served.values()) {
        const options = optionsOf(served, Math.min(served.bytesMax, libraryMessageBytesMax));
        router.rpc(served.rpc.method, (message, context) => serveUnary(rpcs, served, { message, context }), options);
      }
      for (const served of streams.values()) {
        const options = optionsOf(served, bodyLimitOf(served.rpc, bodyBytesMax));
        router.rpc(served.rpc.method, (message, context) => serveStream(parts, served, { message, context }), options);
      }
    },
    async gate(context) {
      const { found } = exchangeOf(context);
      const rpc = nameOfRpc(context.method);
      Object.assign(found, { protocol: context.protocolName, rpc, route: rpc });
      watchOutcome(context, found);
      rejectInvalidQuery(context);
      const served = rpcs.served.get(context.method) ?? streams.get(context.method);
      if (served) await authenticate(rpcs, served, context);
      context.values.set(isDecodingKey, true);
    },
  };
}

function optionsOf({ dialect, rpc }: ServedRpc | ServedStream, readMaxBytes: number) {
  const jsonOptions = { ...jsonOptionsOf(dialect), textDecoder: createRequestJson(rpc.method.input) };
  return { jsonOptions, binaryOptions, readMaxBytes };
}

async function authenticate(
  rpcs: RpcService,
  served: ServedRpc | ServedStream,
  context: HandlerContext,
): Promise<void> {
  const attempt = attemptOf(served, context);
  try {
    context.values.set(authenticationKey, await rpcs.authenticate(attempt));
  } catch (error) {
    if (context.method.methodKind !== 'unary' || !isDeniedUnread(error, attempt))
      throw await rpcs.refusalOf(error, attempt);
    context.values.set(denialKey, error);
  }
}

interface Received {
  readonly message: Message;
  readonly context: HandlerContext;
}

async function serveUnary(rpcs: RpcService, served: ServedRpc, { message, context }: Received): Promise<Message> {
  context.values.set(isDecodingKey, false);
  const attempt = attemptOf(served, context);
  try {
    const denial = context.values.get(denialKey);
    if (denial !== undefined) {
      attempt.exchange.found.credential = namedCredential(served.rpc, message);
      throw denial;
    }
    const answer = await rpcs.answer(attempt, authenticationOf(context), message);
    // Connect serializes the answer again; only the few clients of gRPC-Web come this way.
    rpcs.checkRoom(attempt.exchange, toBinary(served.rpc.method.output, answer).length);
    for (const [name, value] of Object.entries(answerHeaders(served, attempt.exchange)))
      context.responseHeader.set(name, value);
    return answer;
  } catch (error) {
    throw await rpcs.refusalOf(error, attempt);
  }
}

async function* serveStream(
  parts: ConnectParts,
  served: ServedStream,
  { message, context }: Received,
): AsyncGenerator<Message> {
  const { openStreams, rpcs, stopping } = parts;
  context.values.set(isDecodingKey, false);
  const authentication = authenticationOf(context);
  const open = openStreams.add(() => reauthorize(parts, { served, message }, authentication));
  const abortResponse = context.values.get(abortResponseKey);
  open.signal.addEventListener('abort', () => void setTimeout(abortResponse, errorDeliveryMs).unref(), { once: true });
  const signal = AbortSignal.any([context.signal, open.signal, stopping]);
  const attempt = attemptOf(served, context, signal);
  try {
    const call = await rpcs.admit(attempt, authentication, message);
    yield* itemsUntilAborted(signal, served.rpc.invoke(message, call));
    // The reason of the signal is the error of the stream.
    signal.throwIfAborted();
  } catch (error) {
    attempt.exchange.found.credential = namedCredential(served.rpc, message);
    throw await rpcs.refusalOf(open.signal.aborted ? open.signal.reason : error, attempt);
  } finally {
    open.end();
  }
}

/** Checks whether the caller could open the stream again, without counting it as a call. */
async function reauthorize(
  { guard, authenticator }: ConnectParts,
  { served, message }: { readonly served: ServedStream; readonly message: Message },
  authentication: Authentication,
): Promise<void> {
  const { dialect, rpc } = served;
  const renewed = await reauthenticate(authenticator, authentication);
  guard.admit({ dialect, rpc, caller: callerOf(rpc, renewed), headers: authentication.input.headers, message });
}

function attemptOf<Served extends GuardedAttempt['served']>(
  served: Served,
  context: HandlerContext,
  signal = context.signal,
) {
  const { protocolName: protocol, requestHeader: headers } = context;
  return { served, exchange: exchangeOf(context), protocol, headers, signal };
}

function exchangeOf(context: HandlerContext): Exchange {
  const exchange = context.values.get(exchangeKey);
  assert(exchange);
  return exchange;
}

function authenticationOf(context: HandlerContext): Authentication {
  const authentication = context.values.get(authenticationKey);
  assert(authentication);
  return authentication;
}
