import assert from 'node:assert/strict';
import type { Message } from '@bufbuild/protobuf';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Caller } from '../../vault/caller.ts';
import type { Clock } from '../../vault/time.ts';
import { callerOf, evidenceOf, type Proof, type Prover } from '../admission/authenticate.ts';
import { givenUp, shuttingDown } from '../errors/connect-errors.ts';
import type { OpenStreams } from '../admission/open-streams.ts';
import { VaultError } from '../../vault/errors.ts';
import { openEventStream, sendEvents, type EventStream, type EventStreamOpening } from './event-stream.ts';
import { tellDenial, type DenialObserver } from '../admission/denial-observer.ts';
import type { Dialect, Problem, RestExchange } from '../contract/dialect.ts';
import { workFor, type Exchange } from '../contract/exchange.ts';
import type { Attempt, Guard } from '../admission/guard.ts';
import { hold, type CheckRoom } from '../request/check-room.ts';
import { announceClosing } from '../request/unread-body.ts';
import { answerList, type ListAnswer } from './list-answer.ts';
import { sendAnswer, sendList } from './send-answer.ts';
import { isStream, namedCredential } from '../contract/bound-rpc.ts';
import type { PathMatch } from '../routes/path-tree.ts';
import { ProblemError } from '../errors/problem-error.ts';
import { plainAnswer, problemOf, renderProblem, spellAnswer, type SpeltAnswer } from '../errors/rest-problems.ts';
import { bodyLimitOf } from '../request/request-body.ts';
import { abortWhenGone, openRestRequest, showForChoice, type RestRequest } from './rest-request.ts';
import { checkBody, checkQuery, methodNotAllowed } from './request-checks.ts';
import { compileRoutes, type CompiledRoute } from './rest-routes.ts';
import type { Route, RouteMatch, RouteTable } from '../routes/route-table.ts';
import type { ChooseDialect } from '../routes/shared-path.ts';

export type { SharedPathRequest } from '../routes/shared-path.ts';

/** What REST is served with. */
export interface RestParts {
  readonly table: RouteTable;
  readonly chooseDialect: ChooseDialect;
  readonly prover: Prover;
  readonly guard: Guard;
  readonly denials: DenialObserver;
  readonly clock: Clock;
  readonly log: Logger;
  readonly bodyBytesMax: number;
  readonly checkRoom: CheckRoom;
  readonly openStreams: OpenStreams;
  /** Aborted, with the reason, when the server stops. */
  readonly stopping: AbortSignal;
  /** The methods of a path that belongs to no dialect; undefined where it belongs to nobody. */
  readonly methodsOfSystem: (path: string) => readonly string[] | undefined;
}

type Match = PathMatch<Route>;

/**
 * Answers REST requests: who is calling, who answers, may he call; only then the body, the message, its rules, the handler. Every
 * failure is rendered by the dialect that it belongs to.
 */
export class RestService {
  readonly #parts: RestParts;
  readonly #compiled: (route: Route) => CompiledRoute;
  readonly #inFlight = new Set<AbortController>();

  constructor(parts: RestParts) {
    this.#parts = parts;
    this.#compiled = compileRoutes(parts.table.routes, parts.guard);
  }

  /** Answers a request; resolves when all of the answer has been handed over. */
  async answer(request: FastifyRequest, reply: FastifyReply, exchange: Exchange): Promise<void> {
    exchange.found.protocol = 'rest';
    const controller = abortWhenGone(reply);
    this.#inFlight.add(controller);
    try {
      const opened = openRestRequest(request, exchange, controller.signal);
      const match = this.#parts.table.match(opened.httpMethod, opened.path);
      const {
        events,
        more,
        heldBytes = 0,
        ...answer
      } = await workFor(exchange, () => this.#answerMatch(opened, match));
      hold(exchange, -heldBytes);
      announceClosing(request, reply);
      if (events) {
        reply.code(answer.status).headers({ ...answer.headers });
        return await workFor(exchange, () => sendEvents(request, reply, events, controller.signal));
      }
      if (!more) return sendAnswer(request, reply, answer, exchange.connection);
      const sending = { exchange, signal: controller.signal, log: this.#parts.log };
      await workFor(exchange, () => sendList(request, reply, { ...answer, more }, sending));
    } finally {
      this.#inFlight.delete(controller);
    }
  }

  /** Gives up all calls that are in flight. */
  abort(): void {
    for (const controller of this.#inFlight) controller.abort(shuttingDown());
  }

  #answerMatch(request: RestRequest, match: RouteMatch): Promise<ListAnswer> {
    switch (match.kind) {
      case 'found':
        return this.#answerFound(request, match.candidates);
      case 'not_found':
        return this.#refuseUnknown(request, match.dialects);
      case 'method_not_allowed':
        return this.#refuseRoute(request, [...match.allow.keys()], (dialect) => ({
          kind: 'method_not_allowed',
          allow: match.allow.get(dialect) ?? [],
        }));
      case 'malformed':
      default:
        return Promise.resolve(
          spellAnswer(plainAnswer(400, 'invalid_argument', 'the path is not properly percent-encoded')),
        );
    }
  }

  async #answerFound(request: RestRequest, candidates: readonly Match[]): Promise<ListAnswer> {
    const { log, prover } = this.#parts;
    const { headers, signal, exchange } = request;
    const proof = await prover.prove(evidenceOf(exchange, headers, signal));
    const match = await this.#chooseMatch(request, candidates, proof);
    const { dialect, path } = match.entry;
    exchange.found.dialect = dialect.name;
    exchange.found.route = path;
    exchange.found.rpc = this.#compiled(match.entry).rpcName;
    try {
      return await this.#call(request, match, proof);
    } catch (error) {
      if (proof.caller) exchange.found.caller = proof.caller;
      await tellDenial(this.#parts, exchange, error);
      const problem = problemOf(error, exchange, log);
      return spellAnswer(renderProblem(dialect, problem, this.#describe(request, match, proof.caller), log));
    }
  }

  async #chooseMatch(request: RestRequest, candidates: readonly Match[], { caller }: Proof): Promise<Match> {
    const [first] = candidates;
    assert(first);
    if (candidates.length === 1) return first;
    // A body may be looked at only for a caller who has proved who he is; what is wrong with it is told when it is needed.
    const takesBody = candidates.some(({ entry }) => entry.body.kind !== 'none');
    const body = caller && takesBody ? await request.body(this.#parts.bodyBytesMax).catch(() => undefined) : undefined;
    const names = candidates.map(({ entry }) => entry.dialect.name);
    const pathValues = Object.values(first.variables);
    const shown = showForChoice(request, { caller, body: body?.value, pathValues });
    const name = await this.#parts.chooseDialect(names, shown);
    return candidates.find(({ entry }) => entry.dialect.name === name) ?? first;
  }

  async #call(request: RestRequest, match: Match, proof: Proof): Promise<ListAnswer> {
    const { bodyBytesMax, guard, prover } = this.#parts;
    const { dialect, rpc, body: binding } = match.entry;
    const { exchange, headers, query, signal } = request;
    const { reader, etagOf, write, status, headers: ofAnswer, list } = this.#compiled(match.entry);
    const attempt = { dialect, rpc, headers };
    const begun = reader.readPath(match.variables);
    let { message } = begun;
    try {
      const admitted = guard.admit({ ...attempt, caller: callerOf(rpc, proof), message });
      checkQuery(request);
      const sent = binding.kind === 'none' ? undefined : await request.body(bodyLimitOf(rpc, bodyBytesMax));
      const renewed = await prover.renew(proof);
      const caller = callerOf(rpc, renewed);
      if (sent?.flaw) throw new ProblemError({ kind: 'unstorable_json', flaw: sent.flaw });
      const body = sent?.value;
      checkBody(match.entry, reader.needsBody, body);
      const read = begun.readRest({ query, headers, body });
      if ('faults' in read) throw new ProblemError({ kind: 'invalid_request', ...read });
      // Once more where anything has changed: the query or the body may name another workspace than the path and the headers did.
      const isSame = renewed === proof && read.message === message;
      ({ message } = read);
      const workspaceId = isSame ? admitted : guard.admit({ ...attempt, caller, message });
      const { requestId, peer, isLocal } = exchange;
      const call = { caller, workspaceId, protocol: 'rest', dialect: dialect.name, peer, requestId, isLocal, signal };
      const shown = this.#describe(request, match, caller);
      const envelope = (text: string): string => dialect.rest.envelope?.(text, shown) ?? text;
      if (isStream(rpc)) {
        const ask = () => this.#askAgain({ ...attempt, message }, renewed);
        return {
          status,
          headers: ofAnswer,
          body: '',
          events: await this.#openEvents(request, match, { rpc, message, call, ask }),
        };
      }
      if (list && rpc.invokeInParts) {
        const parts = this.#partsOf(attempt, renewed, guard.invokeInParts(rpc.invokeInParts, message, call), message);
        const writer = { ...list, frame: (part: Message) => list.frame(part, envelope) };
        return this.#checked(exchange, await answerList({ status, headers: ofAnswer }, parts, writer));
      }
      const answered = await guard.invoke(rpc, message, call);
      const etag = etagOf?.(answered);
      const shownHeaders = etag === undefined ? ofAnswer : { ...ofAnswer, etag: `"${etag}"` };
      return this.#checked(exchange, { status, headers: shownHeaders, body: envelope(write(answered)) });
    } catch (error) {
      exchange.found.credential = namedCredential(rpc, message);
      throw error;
    }
  }

  async #openEvents(
    { exchange }: RestRequest,
    match: Match,
    opening: Pick<EventStreamOpening, 'rpc' | 'message' | 'call' | 'ask'>,
  ): Promise<EventStream> {
    const { log, openStreams, stopping } = this.#parts;
    const { dialect } = match.entry;
    const refuse = async (thrown: unknown, signal: AbortSignal): Promise<string> => {
      const { reason }: { readonly reason: unknown } = signal;
      const isFollowing = signal.aborted && !(thrown instanceof VaultError);
      const error = isFollowing ? (reason instanceof VaultError ? reason : givenUp(reason)) : thrown;
      await tellDenial(this.#parts, exchange, error);
      const { requestId } = exchange;
      const shown = { method: opening.rpc.method, requestId, now: this.#parts.clock.now(), pathVariables: {} };
      const answer = renderProblem(
        dialect,
        problemOf(error, exchange, log),
        { ...shown, caller: opening.call.caller },
        log,
      );
      exchange.found.code = String(answer.status);
      return JSON.stringify(answer.body);
    };
    return openEventStream({ ...opening, openStreams, stopping, write: this.#compiled(match.entry).write, refuse });
  }

  /** Whether the caller could open a stream anew; it is not another call. */
  async #askAgain(attempt: Omit<Attempt, 'caller'>, proof: Proof): Promise<void> {
    const { guard, prover } = this.#parts;
    const renewed = await prover.renew({ ...proof, askedAtMs: Number.NEGATIVE_INFINITY });
    guard.admit({ ...attempt, caller: callerOf(attempt.rpc, renewed) });
  }

  #refuseUnknown(request: RestRequest, dialects: readonly Dialect[]): Promise<SpeltAnswer> {
    const allow = this.#parts.methodsOfSystem(request.path);
    if (allow) return Promise.resolve(spellAnswer(methodNotAllowed(allow)));
    return this.#refuseRoute(request, dialects, () => ({ kind: 'route_not_found' }));
  }

  /** The parts of a list, each only where its caller could still call. */
  async *#partsOf(
    attempt: Omit<Attempt, 'caller' | 'message'>,
    proof: Proof,
    parts: AsyncIterable<Message>,
    message: Message,
  ): AsyncGenerator<Message> {
    const { guard, prover } = this.#parts;
    let current = proof;
    for await (const part of parts) {
      const renewed = await prover.renew(current);
      if (renewed !== current) guard.admit({ ...attempt, caller: callerOf(attempt.rpc, renewed), message });
      current = renewed;
      yield part;
    }
  }

  /**
   * Lets an answer pass for which there is room on its connection.
   *
   * @throws VaultError `resource_exhausted`
   */
  #checked(exchange: Exchange, answer: ListAnswer): ListAnswer {
    const heldBytes = answer.body.length;
    this.#parts.checkRoom(exchange, heldBytes);
    hold(exchange, heldBytes);
    const { more } = answer;
    return { ...answer, heldBytes, ...(more && { more: this.#observed(exchange, more) }) };
  }

  /** Has a denial recorded that comes after the first bytes. */
  async *#observed(exchange: Exchange, more: AsyncIterable<string>): AsyncGenerator<string> {
    try {
      yield* more;
    } catch (error) {
      await tellDenial(this.#parts, exchange, error);
      throw error;
    }
  }

  /** The beginning of a path may tell whose way of refusing it is. */
  async #refuseRoute(
    request: RestRequest,
    dialects: readonly Dialect[],
    problem: (dialect: Dialect) => Problem,
  ): Promise<SpeltAnswer> {
    const [first] = dialects;
    if (!first) return spellAnswer(plainAnswer(404, 'not_found', 'no such path'));
    const names = dialects.map(({ name }) => name);
    const show = showForChoice(request, { caller: undefined, body: undefined, pathValues: [] });
    const chosen = names.length > 1 ? await this.#parts.chooseDialect(names, show) : undefined;
    const dialect = dialects.find(({ name }) => name === chosen) ?? first;
    request.exchange.found.dialect = dialect.name;
    const shown = this.#describe(request, undefined, undefined);
    return spellAnswer(renderProblem(dialect, problem(dialect), shown, this.#parts.log));
  }

  #describe({ exchange, headers }: RestRequest, match: Match | undefined, caller: Caller | undefined): RestExchange {
    return {
      method: match?.entry.rpc.method,
      requestId: exchange.requestId,
      now: this.#parts.clock.now(),
      pathVariables: match?.variables ?? {},
      caller,
      hasOtherScheme: !/^\s*(?:bearer(?:\s|$)|$)/i.test(headers.get('authorization') ?? ''),
    };
  }
}
