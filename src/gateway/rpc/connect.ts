import { toBinary, type Message } from '@bufbuild/protobuf';
import { createContextKey } from '@connectrpc/connect';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import assert from 'node:assert/strict';
import type { Authentication } from '../admission/authenticate.ts';
import { isDecodingKey, watchOutcome } from './connect-outcome.ts';
import { refuseOddQuery } from './connect-request.ts';
import { binaryOptions } from '../messages/message-readers.ts';
import { libraryMessageBytesMax } from '../request/request-body.ts';
import { exchangeKey, type Exchange } from '../contract/exchange.ts';
import { nameOfRpc, namedCredential } from '../contract/bound-rpc.ts';
import { isDeniedUnread, jsonOptionsOf, type RpcAttempt, type RpcService, type ServedRpc } from './rpc-service.ts';
import { createRequestJson } from './request-json.ts';

/** The rpcs of all dialects for Connect's router, and the gate that stands before them. */
export interface ConnectService {
  /** Registers every rpc. */
  routes(router: ConnectRouter): void;
  /** Finds out who is calling, before a byte of the body is read. */
  gate(context: HandlerContext): Promise<void>;
}

const authenticationKey = createContextKey<Authentication | undefined>(undefined, { description: 'authentication' });
/** Why a call is denied whose message is read for the credential that it names. */
const denialKey = createContextKey<unknown>(undefined, { description: 'denial' });

/** Serves rpcs through Connect's router. */
export function createConnectService(service: RpcService): ConnectService {
  const handle = async (served: ServedRpc, message: Message, context: HandlerContext): Promise<Message> => {
    context.values.set(isDecodingKey, false);
    const denial = context.values.get(denialKey);
    if (denial !== undefined) {
      exchangeOf(context).found.credential = namedCredential(served.rpc, message);
      throw denial;
    }
    const authentication = context.values.get(authenticationKey);
    assert(authentication);
    const attempt = attemptOf(served, context);
    const answer = await service.answer(attempt, authentication, message);
    // Connect serializes it once more, for the few clients that come this way: those of gRPC-Web.
    service.checkRoom(attempt.exchange, toBinary(served.rpc.method.output, answer).length);
    for (const [name, value] of Object.entries(served.headers)) context.responseHeader.set(name, value);
    return answer;
  };
  const authenticate = async (served: ServedRpc, context: HandlerContext): Promise<void> => {
    const attempt = attemptOf(served, context);
    try {
      context.values.set(authenticationKey, await service.authenticate(attempt));
    } catch (error) {
      if (!isDeniedUnread(error, attempt)) throw error;
      context.values.set(denialKey, error);
    }
  };
  const refuseAs = <T>(served: ServedRpc, context: HandlerContext, step: Promise<T>): Promise<T> =>
    step.catch(async (error: unknown) => {
      throw await service.refusalOf(error, attemptOf(served, context));
    });
  return {
    routes(router) {
      for (const served of service.served.values()) {
        const jsonOptions = {
          ...jsonOptionsOf(served.dialect),
          textDecoder: createRequestJson(served.rpc.method.input),
        };
        const options = { jsonOptions, binaryOptions, readMaxBytes: Math.min(served.bytesMax, libraryMessageBytesMax) };
        router.rpc(
          served.rpc.method,
          (message, context) => refuseAs(served, context, handle(served, message, context)),
          options,
        );
      }
    },
    async gate(context) {
      const { found } = exchangeOf(context);
      found.protocol = context.protocolName;
      found.rpc = nameOfRpc(context.method);
      found.route = found.rpc;
      watchOutcome(context, found);
      refuseOddQuery(context);
      const served = service.served.get(context.method);
      if (served) await refuseAs(served, context, authenticate(served, context));
      context.values.set(isDecodingKey, true);
    },
  };
}

function attemptOf(served: ServedRpc, context: HandlerContext): RpcAttempt {
  const { protocolName: protocol, requestHeader: headers, signal } = context;
  return { served, exchange: exchangeOf(context), protocol, headers, signal };
}

function exchangeOf(context: HandlerContext): Exchange {
  const exchange = context.values.get(exchangeKey);
  assert(exchange);
  return exchange;
}
