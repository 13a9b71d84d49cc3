import type { Message } from '@bufbuild/protobuf';
import { callerOf, reauthenticate, type Authentication } from '../admission/authenticate.ts';
import { reportDenial } from '../admission/denial-observer.ts';
import type { Attempt, CallParts } from '../admission/guard.ts';
import type { OpenStreams } from '../admission/open-streams.ts';
import { replayedHeaders } from '../admission/repeated-calls.ts';
import { isStream, namedCredential, type BoundRpc, type BoundStream, type RpcCall } from '../contract/bound-rpc.ts';
import type { Exchange } from '../contract/exchange.ts';
import { errorOrCancellation } from '../errors/connect-errors.ts';
import { ProblemError, problemOf, renderProblem } from '../errors/rest-problems.ts';
import { hold } from '../port/connection.ts';
import { bodyLimitOf } from '../request/request-body.ts';
import type { PathMatch } from '../routes/path-tree.ts';
import type { Route } from '../routes/route-table.ts';
import { openEventStream } from './event-stream.ts';
import { checkBody, checkQuery, describeExchange, type RestRequest } from './rest-request.ts';
import type { CompiledList, CompiledRoute } from './rest-routes.ts';
import { answerList, type ListAnswer } from './send-answer.ts';

/** What calls by REST need. */
export interface RestCallParts extends CallParts {
  readonly openStreams: OpenStreams;
  /** Aborted, with the reason, when the server stops. */
  readonly stopping: AbortSignal;
}

/** A request with the route that answers it. */
export interface RoutedRequest {
  readonly request: RestRequest;
  readonly match: PathMatch<Route>;
  readonly compiled: CompiledRoute;
}

/** A call whose message has been read. */
interface PreparedCall<Rpc> extends RoutedRequest {
  readonly rpc: Rpc;
  readonly authentication: Authentication;
  readonly attempt: Omit<Attempt, 'caller'>;
  readonly call: RpcCall;
}

/** Makes the calls of REST: authorization by the path, then the body, the message, authorization by the message, the handler. */
export class RestCalls {
  readonly #parts: RestCallParts;

  constructor(parts: RestCallParts) {
    this.#parts = parts;
  }

  /**
   * Makes the call of a request.
   *
   * @throws what `problemOf` takes
   */
  async call(routed: RoutedRequest, authentication: Authentication): Promise<ListAnswer> {
    const { bodyBytesMax, clock, guard, authenticator, repeatedCalls } = this.#parts;
    const { request, match, compiled } = routed;
    const { dialect, rpc, body: binding } = match.entry;
    const { exchange, headers, query, signal } = request;
    const begun = compiled.reader.readPath(match.variables);
    let { message } = begun;
    try {
      const admitted = guard.admit({ dialect, rpc, headers, caller: callerOf(rpc, authentication), message });
      checkQuery(request);
      const sent = binding.kind === 'none' ? undefined : await request.body(bodyLimitOf(rpc, bodyBytesMax));
      const renewed = await authenticator.renew(authentication);
      const caller = callerOf(rpc, renewed);
      if (sent?.flaw) throw new ProblemError({ kind: 'unstorable_json', flaw: sent.flaw });
      const body = sent?.value;
      checkBody(match.entry, compiled.reader.needsBody, body);
      const read = begun.readRest({ query, headers, body });
      if ('faults' in read) throw new ProblemError({ kind: 'invalid_request', ...read });
      // Authorized again if anything has changed: the query or the body may name another workspace than the path and the headers.
      const isSame = renewed === authentication && read.message === message;
      ({ message } = read);
      const attempt = { dialect, rpc, headers, message };
      const workspaceId = isSame ? admitted : guard.admit({ ...attempt, caller });
      const { requestId, peer, isLocal } = exchange;
      const call = { caller, workspaceId, protocol: 'rest', dialect: dialect.name, peer, requestId, isLocal, signal };
      if (isStream(rpc)) return await this.#openStream({ ...routed, rpc, authentication: renewed, attempt, call });
      const shown = describeExchange(request, clock.now(), match, caller);
      const envelope = (text: string): string => dialect.rest.envelope?.(text, shown) ?? text;
      if (compiled.list) {
        const prepared = { ...routed, rpc, authentication: renewed, attempt, call };
        return await this.#answerInParts(prepared, compiled.list, envelope);
      }
      const answered = await repeatedCalls.invoke(rpc, message, call, request);
      const { status, write } = compiled;
      const shownHeaders = headersOf(compiled, answered, exchange);
      return this.#reserve(exchange, { status, headers: shownHeaders, body: envelope(write(answered)) });
    } catch (error) {
      exchange.found.credential = namedCredential(rpc, message);
      throw errorOrCancellation(error, signal);
    }
  }

  async #openStream(prepared: PreparedCall<BoundStream>): Promise<ListAnswer> {
    const { guard, authenticator, openStreams, stopping } = this.#parts;
    const { rpc, authentication, attempt, call, compiled } = prepared;
    const { status, headers, write } = compiled;
    const reauthorize = async (): Promise<void> => {
      const renewed = await reauthenticate(authenticator, authentication);
      guard.admit({ ...attempt, caller: callerOf(rpc, renewed) });
    };
    const refuse = (error: unknown, signal: AbortSignal): Promise<string> =>
      this.#refuseStream(prepared, errorOrCancellation(error, signal));
    const { message } = attempt;
    const opening = { rpc, message, call, openStreams, reauthorize, stopping, write, refuse };
    return { status, headers, body: '', events: await openEventStream(opening) };
  }

  /** Renders the error that ends a stream, as JSON. */
  async #refuseStream({ request, match, rpc, call }: PreparedCall<BoundStream>, error: unknown): Promise<string> {
    const { clock, log } = this.#parts;
    const { exchange } = request;
    await reportDenial(this.#parts, exchange, error);
    const { requestId } = exchange;
    const shown = { method: rpc.method, requestId, now: clock.now(), pathVariables: {}, caller: call.caller };
    const answer = renderProblem(match.entry.dialect, problemOf(error, exchange, log), shown, log);
    exchange.found.code = String(answer.status);
    return JSON.stringify(answer.body);
  }

  async #answerInParts(
    prepared: PreparedCall<BoundRpc>,
    list: CompiledList,
    envelope: (text: string) => string,
  ): Promise<ListAnswer> {
    const { status, headers } = prepared.compiled;
    const parts = this.#partsOf(prepared, list.invoke);
    const writer = { elements: list.elements, frame: (part: Message) => list.frame(part, envelope) };
    return this.#reserve(prepared.request.exchange, await answerList({ status, headers }, parts, writer));
  }

  /** The parts of a list, each only if its caller may still call. */
  async *#partsOf(
    { rpc, attempt, authentication, call }: PreparedCall<BoundRpc>,
    invoke: CompiledList['invoke'],
  ): AsyncGenerator<Message> {
    const { guard, authenticator } = this.#parts;
    let current = authentication;
    for await (const part of guard.invokeInParts(invoke, attempt.message, call)) {
      const renewed = await authenticator.renew(current);
      if (renewed !== current) guard.admit({ ...attempt, caller: callerOf(rpc, renewed) });
      current = renewed;
      yield part;
    }
  }

  /**
   * Reserves room for an answer on its connection.
   *
   * @throws VaultError `resource_exhausted`
   */
  #reserve(exchange: Exchange, answer: ListAnswer): ListAnswer {
    const heldBytes = answer.body.length;
    this.#parts.checkRoom(exchange, heldBytes);
    hold(exchange, heldBytes);
    const { more } = answer;
    return { ...answer, heldBytes, ...(more && { more: this.#reportLateDenial(exchange, more) }) };
  }

  /** Reports a denial that occurs after the first bytes. */
  async *#reportLateDenial(exchange: Exchange, more: AsyncIterable<string>): AsyncGenerator<string> {
    try {
      yield* more;
    } catch (error) {
      await reportDenial(this.#parts, exchange, error);
      throw error;
    }
  }
}

function headersOf({ etagOf, headers }: CompiledRoute, answer: Message, { found }: Exchange): CompiledRoute['headers'] {
  const etag = etagOf?.(answer);
  const withEtag = etag === undefined ? headers : { ...headers, etag: `"${etag}"` };
  return found.isReplayed ? { ...withEtag, ...replayedHeaders } : withEtag;
}
