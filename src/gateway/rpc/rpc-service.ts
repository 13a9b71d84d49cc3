import type { DescMethod, Message } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { setTimeout as delay } from 'node:timers/promises';
import { VaultError } from '../../vault/errors.ts';
import { callerOf, type Authentication } from '../admission/authenticate.ts';
import { reportDenial } from '../admission/denial-observer.ts';
import type { CallParts } from '../admission/guard.ts';
import { replayedHeaders } from '../admission/repeated-calls.ts';
import { nameOfRpc, namedCredential, type BoundRpc, type GuardedRpc, type RpcCall } from '../contract/bound-rpc.ts';
import type { Dialect } from '../contract/dialect.ts';
import { workFor, type Exchange } from '../contract/exchange.ts';
import {
  absentWorkspace,
  connectErrorOf,
  errorOrCancellation,
  internalError,
  invalidRequestError,
} from '../errors/connect-errors.ts';
import { renderProblem } from '../errors/rest-problems.ts';
import { describeUnknownError } from '../errors/unknown-error.ts';
import { createBinaryMessageReader, type BinaryMessageReader } from '../messages/message-readers.ts';
import { bodyLimitOf } from '../request/request-body.ts';
import type { RequestHeaders } from '../request/request-headers.ts';

/** What serving gRPC, gRPC-Web and Connect needs. */
export interface RpcParts extends CallParts {
  readonly dialects: readonly Dialect[];
}

/** An rpc with what is compiled for it. */
export interface ServedRpc {
  readonly dialect: Dialect;
  readonly rpc: BoundRpc;
  /** `coffer.v1.CredentialService/GetCredential`: the path without its slash. */
  readonly name: string;
  /** The largest request. */
  readonly bytesMax: number;
  /** Headers of every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** Reads a request in the binary format. */
  readonly readBinary: BinaryMessageReader;
}

/** A call of any protocol, with what admission needs. */
export interface GuardedAttempt {
  readonly served: { readonly dialect: Dialect; readonly rpc: GuardedRpc };
  readonly exchange: Exchange;
  readonly protocol: string;
  readonly headers: RequestHeaders;
  /** Aborted when the call is canceled, with the reason. */
  readonly signal: AbortSignal;
}

/** A call of an rpc. */
export interface RpcAttempt extends GuardedAttempt {
  readonly served: ServedRpc;
}

/**
 * Takes the calls of gRPC, gRPC-Web and Connect through the same steps: authentication and the rpc's permission, then the
 * message: authorization in its workspace, validation, the handler.
 */
export class RpcService {
  /** By method. */
  readonly served: ReadonlyMap<DescMethod, ServedRpc>;
  readonly #parts: RpcParts;

  constructor(parts: RpcParts) {
    this.#parts = parts;
    const all = parts.dialects.flatMap((dialect) => dialect.rpcs.map((rpc) => serve(rpc, dialect, parts.bodyBytesMax)));
    this.served = new Map(all.map((one) => [one.rpc.method, one]));
  }

  /**
   * Takes a call through all steps.
   *
   * @param read reads the message, after authentication
   * @throws the errors that `refusalOf` renders
   */
  async call(attempt: RpcAttempt, read: () => Promise<Message>): Promise<Message> {
    const authentication = await this.authenticate(attempt).catch(async (error: unknown) => {
      if (isDeniedUnread(error, attempt)) await nameCredential(attempt, read);
      throw error;
    });
    return this.answer(attempt, authentication, await read());
  }

  /**
   * Authenticates a call before a byte of its body is read.
   *
   * @throws the errors that `refusalOf` renders, also where the caller has the rpc's permission in no workspace
   */
  async authenticate(attempt: GuardedAttempt): Promise<Authentication> {
    const { served, exchange, headers, signal } = attempt;
    const { found } = exchange;
    found.dialect = served.dialect.name;
    const input = { exchange, headers, signal };
    const authentication = await workFor(exchange, () => this.#parts.authenticator.authenticate(input));
    const caller = callerOf(served.rpc, authentication);
    if (caller) found.caller = caller;
    this.#parts.guard.admitCaller(served.rpc, caller);
    return authentication;
  }

  /**
   * Answers the message of an authenticated call.
   *
   * @throws the errors that `refusalOf` renders
   */
  async answer(attempt: RpcAttempt, authentication: Authentication, message: Message): Promise<Message> {
    return workFor(attempt.exchange, async () => {
      try {
        const call = await this.admit(attempt, authentication, message);
        return await this.#parts.repeatedCalls.invoke(attempt.served.rpc, message, call, attempt);
      } catch (error) {
        attempt.exchange.found.credential = namedCredential(attempt.served.rpc, message);
        throw error;
      }
    });
  }

  /**
   * Authorizes an authenticated call, and validates its message.
   *
   * @throws the errors that `refusalOf` renders
   */
  async admit(attempt: GuardedAttempt, authentication: Authentication, message: Message): Promise<RpcCall> {
    const { guard, authenticator } = this.#parts;
    const { served, exchange, headers, protocol, signal } = attempt;
    const { dialect, rpc } = served;
    const caller = callerOf(rpc, await authenticator.renew(authentication));
    const workspaceId = guard.admit({ dialect, rpc, caller, headers, message });
    guard.rejectUnstorable(rpc.method.input, message);
    const violations = guard.validate(rpc.method.input, message);
    if (violations.length > 0) throw invalidRequestError(violations);
    const { requestId, peer, isLocal } = exchange;
    return { caller, workspaceId, protocol, dialect: dialect.name, peer, requestId, isLocal, signal };
  }

  /**
   * Checks whether an answer of so many bytes may be sent.
   *
   * @throws VaultError `resource_exhausted` where too many bytes of the connection wait to be read
   */
  checkRoom(exchange: Exchange, bytes: number): void {
    this.#parts.checkRoom(exchange, bytes);
  }

  /** Reports a denial to its observer, and renders the error of a call. */
  async refusalOf(thrown: unknown, { served, exchange, signal }: GuardedAttempt): Promise<ConnectError> {
    const { clock, log } = this.#parts;
    const error = errorOrCancellation(thrown, signal);
    await reportDenial(this.#parts, exchange, error);
    if (error instanceof ConnectError) return error;
    const { requestId, found } = exchange;
    if (!(error instanceof VaultError)) {
      log.error({ requestId, route: found.route, error: describeUnknownError(error) }, 'internal error');
      return internalError();
    }
    if (error.code !== 'workspace_denied') return connectErrorOf(error);
    // A dialect that answers such a workspace as absent over REST does so here as well.
    const shown = { method: undefined, requestId, now: clock.now(), pathVariables: {}, caller: found.caller };
    const { status } = renderProblem(served.dialect, { kind: 'vault', error }, shown, log);
    return connectErrorOf(status === 404 ? absentWorkspace(error) : error);
  }
}

/** The headers of an answer. */
export function answerHeaders({ headers }: ServedRpc, { found }: Exchange): ServedRpc['headers'] {
  return found.isReplayed ? { ...headers, ...replayedHeaders } : headers;
}

/** The options of proto3 JSON for the messages of a dialect. */
export function jsonOptionsOf({ rest }: Dialect) {
  return {
    ignoreUnknownFields: rest.unknownMembers === 'ignore',
    useProtoFieldName: rest.json.names === 'proto',
    alwaysEmitImplicit: true,
  } as const;
}

function serve(rpc: BoundRpc, dialect: Dialect, bytesMax: number): ServedRpc {
  const headers = dialect.rest.headers?.[rpc.method.name] ?? {};
  return {
    dialect,
    rpc,
    name: nameOfRpc(rpc.method),
    bytesMax: bodyLimitOf(rpc, bytesMax),
    headers,
    readBinary: createBinaryMessageReader(rpc.method.input),
  };
}

/** How long a denied call waits for the message that names the credential, in milliseconds. */
const messageWaitMs = 1_000;

/** Whether an authenticated caller was denied before the message was read, which may name the credential. */
export function isDeniedUnread(error: unknown, { served, exchange }: GuardedAttempt): boolean {
  const isDenied = error instanceof VaultError && error.code === 'permission_denied';
  return isDenied && exchange.found.caller !== undefined && served.rpc.access.kind === 'workspace';
}

/** Reads the message of a denied call within its limits, so that the event of the denial can name the credential. */
export async function nameCredential(
  { served, exchange }: GuardedAttempt,
  read: () => Promise<Message>,
): Promise<void> {
  const waiting = new AbortController();
  const late = delay(messageWaitMs, undefined, { signal: waiting.signal }).catch(() => undefined);
  // An invalid message names no credential.
  const message = await Promise.race([read().catch(() => undefined), late]);
  waiting.abort();
  if (message) exchange.found.credential = namedCredential(served.rpc, message);
}
