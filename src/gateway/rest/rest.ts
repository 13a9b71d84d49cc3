import assert from 'node:assert/strict';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Authentication } from '../admission/authenticate.ts';
import { reportDenial } from '../admission/denial-observer.ts';
import type { Dialect, Problem, RestAnswer } from '../contract/dialect.ts';
import { workFor, type Exchange } from '../contract/exchange.ts';
import {
  plainAnswer,
  problemOf,
  renderProblem,
  serializeAnswer,
  type SerializedAnswer,
} from '../errors/rest-problems.ts';
import { hold } from '../port/connection.ts';
import type { CallRegistry } from '../request/call-registry.ts';
import { sendConnectionClose } from '../request/unread-body.ts';
import type { PathMatch } from '../routes/path-tree.ts';
import type { Route, RouteMatch, RouteTable, ChooseDialect } from '../routes/route-table.ts';
import { sendEvents } from './event-stream.ts';
import { RestCalls, type RestCallParts } from './rest-call.ts';
import { describeExchange, describeForChoice, openRestRequest, type RestRequest } from './rest-request.ts';
import { compileRoutes, type CompiledRoute } from './rest-routes.ts';
import { sendAnswer, sendList, type ListAnswer } from './send-answer.ts';

/** What REST needs. */
export interface RestParts extends RestCallParts {
  readonly table: RouteTable;
  readonly chooseDialect: ChooseDialect;
  readonly calls: CallRegistry;
  /** The methods of a path that belongs to no dialect; undefined if there is no such path. */
  readonly methodsOfSystem: (path: string) => readonly string[] | undefined;
}

type Match = PathMatch<Route>;

/**
 * Answers REST requests in this order: authentication, choice of the dialect, authorization; only then the body, the message, its
 * rules and the handler. Each failure is rendered by the dialect that it belongs to.
 */
export class RestService {
  readonly #parts: RestParts;
  readonly #calls: RestCalls;
  readonly #compiled: (route: Route) => CompiledRoute;

  constructor(parts: RestParts) {
    this.#parts = parts;
    this.#calls = new RestCalls(parts);
    this.#compiled = compileRoutes(parts.table.routes, parts.guard);
  }

  /** Answers a request; resolves when the whole answer has been passed to the socket. */
  async answer(request: FastifyRequest, reply: FastifyReply, exchange: Exchange): Promise<void> {
    exchange.found.protocol = 'rest';
    const { signal } = this.#parts.calls.beginWith(reply, Infinity);
    const opened = openRestRequest(request, exchange, signal);
    const match = this.#parts.table.match(opened.httpMethod, opened.path);
    const { events, more, heldBytes = 0, ...answer } = await workFor(exchange, () => this.#answerMatch(opened, match));
    hold(exchange, -heldBytes);
    sendConnectionClose(request, reply);
    if (events) {
      reply.code(answer.status).headers({ ...answer.headers });
      return workFor(exchange, () => sendEvents(request, reply, events, signal));
    }
    if (!more) return sendAnswer(request, reply, answer, exchange.connection);
    const sending = { exchange, signal, log: this.#parts.log };
    return workFor(exchange, () => sendList(request, reply, { ...answer, more }, sending));
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
      default: {
        const refusal = plainAnswer(400, 'invalid_argument', 'the path is not properly percent-encoded');
        return Promise.resolve(serializeAnswer(refusal));
      }
    }
  }

  async #answerFound(request: RestRequest, candidates: readonly Match[]): Promise<ListAnswer> {
    const { authenticator, clock, log } = this.#parts;
    const { headers, signal, exchange } = request;
    const authentication = await authenticator.authenticate({ exchange, headers, signal });
    const match = await this.#chooseMatch(request, candidates, authentication);
    const { dialect, path } = match.entry;
    const compiled = this.#compiled(match.entry);
    exchange.found.dialect = dialect.name;
    exchange.found.route = path;
    exchange.found.rpc = compiled.rpcName;
    try {
      return await this.#calls.call({ request, match, compiled }, authentication);
    } catch (error) {
      const { caller } = authentication;
      if (caller) exchange.found.caller = caller;
      await reportDenial(this.#parts, exchange, error);
      const problem = problemOf(error, exchange, log);
      const shown = describeExchange(request, clock.now(), match, caller);
      return serializeAnswer(renderProblem(dialect, problem, shown, log));
    }
  }

  async #chooseMatch(request: RestRequest, candidates: readonly Match[], { caller }: Authentication): Promise<Match> {
    const [first] = candidates;
    assert(first);
    if (candidates.length === 1) return first;
    // The body is read only for an authenticated caller. A fault in it is reported later, if the chosen dialect needs the body.
    const takesBody = candidates.some(({ entry }) => entry.body.kind !== 'none');
    const body = caller && takesBody ? await request.body(this.#parts.bodyBytesMax).catch(() => undefined) : undefined;
    const names = candidates.map(({ entry }) => entry.dialect.name);
    const pathValues = Object.values(first.variables);
    const shown = describeForChoice(request, { caller, body: body?.value, pathValues });
    const name = await this.#parts.chooseDialect(names, shown);
    return candidates.find(({ entry }) => entry.dialect.name === name) ?? first;
  }

  #refuseUnknown(request: RestRequest, dialects: readonly Dialect[]): Promise<SerializedAnswer> {
    const allow = this.#parts.methodsOfSystem(request.path);
    if (allow) return Promise.resolve(serializeAnswer(methodNotAllowed(allow)));
    return this.#refuseRoute(request, dialects, () => ({ kind: 'route_not_found' }));
  }

  /** The beginning of a path may show which dialect must render its refusal. */
  async #refuseRoute(
    request: RestRequest,
    dialects: readonly Dialect[],
    problem: (dialect: Dialect) => Problem,
  ): Promise<SerializedAnswer> {
    const { chooseDialect, clock, log } = this.#parts;
    const [first] = dialects;
    if (!first) return serializeAnswer(plainAnswer(404, 'not_found', 'no such path'));
    const names = dialects.map(({ name }) => name);
    const forChoice = describeForChoice(request, { caller: undefined, body: undefined, pathValues: [] });
    const chosen = names.length > 1 ? await chooseDialect(names, forChoice) : undefined;
    const dialect = dialects.find(({ name }) => name === chosen) ?? first;
    request.exchange.found.dialect = dialect.name;
    const shown = describeExchange(request, clock.now(), undefined, undefined);
    return serializeAnswer(renderProblem(dialect, problem(dialect), shown, log));
  }
}

/** The refusal at a path that belongs to no dialect and has these methods. */
function methodNotAllowed(allow: readonly string[]): RestAnswer {
  const answer = plainAnswer(405, 'unimplemented', 'this path has no such method');
  return { ...answer, headers: { allow: allow.join(', ') } };
}
