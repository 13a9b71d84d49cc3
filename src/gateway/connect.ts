import type { DescMethod, Message } from '@bufbuild/protobuf';
import { ConnectError, createContextKey } from '@connectrpc/connect';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import assert from 'node:assert/strict';
import type { Logger } from 'pino';
import { VaultError } from '../vault/errors.ts';
import { callerOf, type Proof, type Prover } from './authenticate.ts';
import { absentWorkspace, connectErrorOf, internalError, invalidRequestError } from './connect-errors.ts';
import { isDecodingKey, watchOutcome } from './connect-outcome.ts';
import { refuseOddQuery } from './connect-request.ts';
import { tellDenial, type DenialObserver } from './denial-observer.ts';
import type { Dialect } from './dialect.ts';
import { exchangeKey, type Exchange } from './exchange.ts';
import type { Guard } from './guard.ts';
import { bodyLimitOf } from './request-body.ts';
import { nameOfRpc } from './request-metrics.ts';
import type { BoundRpc } from './rpc.ts';
import { describeUnknownError } from './unknown-error.ts';
import type { Clock } from '../vault/ports.ts';

/** What gRPC, gRPC-Web and Connect are served with. */
export interface ConnectParts {
  readonly dialects: readonly Dialect[];
  readonly prover: Prover;
  readonly guard: Guard;
  readonly denials: DenialObserver;
  readonly clock: Clock;
  readonly log: Logger;
  readonly bodyBytesMax: number;
}

/** The rpcs of all dialects for Connect's router, and the gate that stands before them. */
export interface ConnectService {
  /** Registers every rpc. */
  routes(router: ConnectRouter): void;
  /** Finds out who is calling, before a byte of the body is read. */
  gate(context: HandlerContext): Promise<void>;
}

interface ServedRpc {
  readonly dialect: Dialect;
  readonly rpc: BoundRpc;
}

const proofKey = createContextKey<Proof | undefined>(undefined, { description: 'proof' });

/** Makes the rpcs' handlers for Connect's router. */
export function createConnectService(parts: ConnectParts): ConnectService {
  const served = new Map<DescMethod, ServedRpc>();
  for (const dialect of parts.dialects) {
    for (const rpc of dialect.rpcs) served.set(rpc.method, { dialect, rpc });
  }
  const renderError = createErrorRenderer(parts);

  const handle = async ({ dialect, rpc }: ServedRpc, message: Message, context: HandlerContext): Promise<Message> => {
    context.values.set(isDecodingKey, false);
    const exchange = exchangeOf(context);
    const proof = context.values.get(proofKey);
    assert(proof);
    const caller = callerOf(rpc, await parts.prover.renew(proof));
    const workspaceId = parts.guard.admit({ dialect, rpc, caller, headers: context.requestHeader, message });
    parts.guard.refuseFlaws(rpc.method.input, message);
    const violations = parts.guard.validate(rpc.method.input, message);
    if (violations.length > 0) throw invalidRequestError(violations);
    for (const [name, value] of Object.entries(dialect.rest.headers?.[rpc.method.name] ?? {})) {
      context.responseHeader.set(name, value);
    }
    const { requestId, peer, isLocal } = exchange;
    const { protocolName: protocol, signal } = context;
    const call = { caller, workspaceId, protocol, dialect: dialect.name, peer, requestId, isLocal, signal };
    return parts.guard.invoke(rpc, message, call);
  };

  const letIn = async ({ dialect, rpc }: ServedRpc, context: HandlerContext): Promise<void> => {
    const { found, peer, peerCertificate, hasSeveralAuthorizations } = exchangeOf(context);
    found.dialect = dialect.name;
    try {
      const { requestHeader: headers, signal } = context;
      const evidence = { headers, signal, peer, peerCertificate, hasSeveralAuthorizations };
      const proof = await parts.prover.prove(evidence);
      const caller = callerOf(rpc, proof);
      if (caller) found.caller = caller;
      parts.guard.admitCaller(rpc, caller);
      context.values.set(proofKey, proof);
    } catch (error) {
      await tellDenial(parts, exchangeOf(context), error);
      throw renderError(error, context, dialect);
    }
  };

  return {
    routes(router) {
      for (const one of served.values()) {
        const { rest } = one.dialect;
        const jsonOptions = {
          ignoreUnknownFields: rest.unknownMembers === 'ignore',
          useProtoFieldName: rest.json.names === 'proto',
          alwaysEmitImplicit: true,
        };
        router.rpc(
          one.rpc.method,
          (message, context) =>
            handle(one, message, context).catch(async (error: unknown) => {
              await tellDenial(parts, exchangeOf(context), error);
              throw renderError(error, context, one.dialect);
            }),
          { jsonOptions, readMaxBytes: bodyLimitOf(one.rpc, parts.bodyBytesMax) },
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
      const one = served.get(context.method);
      if (one) await letIn(one, context);
      context.values.set(isDecodingKey, true);
    },
  };
}

type ErrorRenderer = (error: unknown, context: HandlerContext, dialect: Dialect) => ConnectError;

/** Whatever is no refusal is logged, once, and shown as an internal error. */
function createErrorRenderer({ clock, log }: ConnectParts): ErrorRenderer {
  return (error, context, dialect) => {
    if (error instanceof ConnectError) return error;
    const { requestId, found } = exchangeOf(context);
    if (!(error instanceof VaultError)) {
      log.error({ requestId, route: found.route, error: describeUnknownError(error) }, 'internal error');
      return internalError();
    }
    if (error.code !== 'workspace_denied') return connectErrorOf(error);
    // The decision is the REST side's: a dialect may answer such a workspace as absent.
    const exchange = { method: undefined, requestId, now: clock.now(), pathVariables: {}, caller: found.caller };
    const { status } = dialect.rest.renderProblem({ kind: 'vault', error }, exchange);
    return connectErrorOf(status === 404 ? absentWorkspace(error) : error);
  };
}

function exchangeOf(context: HandlerContext): Exchange {
  const exchange = context.values.get(exchangeKey);
  assert(exchange);
  return exchange;
}
