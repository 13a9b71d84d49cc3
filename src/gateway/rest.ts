import type { Message } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Caller } from '../vault/caller.ts';
import { VaultError } from '../vault/errors.ts';
import { isJsonObject, type JsonValue } from '../vault/json.ts';
import type { Clock } from '../vault/ports.ts';
import { callerOf, prove, type Authenticate, type Proof } from './authenticate.ts';
import { shuttingDown } from './connect-errors.ts';
import type { Dialect, Problem, RestAnswer, RestExchange } from './dialect.ts';
import type { Exchange } from './exchange.ts';
import type { Guard } from './guard.ts';
import { createJsonWriters } from './json-writer.ts';
import type { PathMatch } from './path-tree.ts';
import { ProblemError } from './problem-error.ts';
import { announcesBody, readJsonBody } from './request-body.ts';
import { createRequestReader, type RequestReader } from './request-reader.ts';
import type { Route, RouteTable } from './route-table.ts';
import { describeUnknownError } from './unknown-error.ts';

/** What a request shows of the dialect that it is meant for. */
export interface SharedPathRequest {
  /** As it was sent, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  /** Undefined where nobody has proved who he is. */
  readonly caller: Caller | undefined;
  /** The dialect that the caller's API key was issued for. */
  readonly callerDialect: string | undefined;
  /** Undefined where nobody has proved who he is, and where none was sent. */
  readonly body: JsonValue | undefined;
}

/** Chooses who answers a path that several dialects share; without a choice the first of them does. */
export type ChooseDialect = (
  candidates: readonly string[],
  request: SharedPathRequest,
) => string | undefined | Promise<string | undefined>;

/** What REST is served with. */
export interface RestParts {
  readonly table: RouteTable;
  readonly chooseDialect: ChooseDialect;
  readonly authenticate: Authenticate;
  readonly guard: Guard;
  readonly clock: Clock;
  readonly log: Logger;
  readonly bodyBytesMax: number;
}

/** Answers REST requests. */
export interface RestService {
  answer(request: FastifyRequest, reply: FastifyReply, exchange: Exchange): Promise<RestAnswer>;
  /** Gives up all calls that are in flight. */
  abort(): void;
}

/** A route with all that is made once for it. */
interface CompiledRoute {
  readonly reader: RequestReader;
  readonly write: (message: Message) => JsonValue;
}

/** A request on its way, with what has been found out about it. */
interface Journey {
  readonly request: FastifyRequest;
  readonly exchange: Exchange;
  readonly headers: Headers;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly signal: AbortSignal;
}

/** Makes what answers REST requests, from the routes of all dialects. */
export function createRestService(parts: RestParts): RestService {
  const compiled = compileRoutes(parts);
  const inFlight = new Set<AbortController>();

  const answerRoute = async (
    journey: Journey,
    match: PathMatch<Route>,
    proof: Proof,
    body: BodySource,
  ): Promise<RestAnswer> => {
    const { rpc, dialect, body: binding } = match.entry;
    const { reader, write } = compiled(match.entry);
    const { exchange, headers, query, signal } = journey;
    const caller = callerOf(rpc, proof);
    if (caller) exchange.found.caller = caller;
    const attempt = { dialect, rpc, caller, headers };
    parts.guard.admit({ ...attempt, message: reader.readPath(match.variables) });
    const sent = binding.kind === 'none' ? undefined : await body();
    checkBody(match.entry, reader, sent);
    const read = reader.read({ variables: match.variables, query, headers, body: sent });
    if ('faults' in read) throw new ProblemError({ kind: 'invalid_request', faults: read.faults });
    // Once more, since the query or the body may name another workspace than the path and the headers did.
    const workspaceId = parts.guard.admit({ ...attempt, message: read.message });
    const { requestId, peer, isLocal } = exchange;
    const call = { caller, workspaceId, protocol: 'rest', dialect: dialect.name, peer, requestId, isLocal, signal };
    const answer = write(await parts.guard.invoke(rpc, read.message, call));
    const shown = restExchange(journey, match, caller);
    return {
      status: dialect.rest.successStatus[rpc.method.name] ?? 200,
      headers: dialect.rest.headers?.[rpc.method.name] ?? {},
      body: dialect.rest.envelope?.(answer, shown) ?? answer,
    };
  };

  const restExchange = (
    journey: Journey,
    match: PathMatch<Route> | undefined,
    caller: Caller | undefined,
  ): RestExchange => ({
    method: match?.entry.rpc.method,
    requestId: journey.exchange.requestId,
    now: parts.clock.now(),
    pathVariables: match?.variables ?? {},
    caller,
  });

  const answerMatch = async (journey: Journey, candidates: readonly PathMatch<Route>[]): Promise<RestAnswer> => {
    const proof = await prove(parts.authenticate, journey.headers, journey.signal);
    const body = bodySource(journey.request, parts.bodyBytesMax);
    const match = await chooseMatch(journey, candidates, proof, body);
    const { dialect, path } = match.entry;
    Object.assign(journey.exchange.found, { dialect: dialect.name, route: path });
    try {
      return await answerRoute(journey, match, proof, body);
    } catch (error) {
      return render(dialect, problemOf(error, journey), restExchange(journey, match, proof.caller));
    }
  };

  const chooseMatch = async (
    journey: Journey,
    candidates: readonly PathMatch<Route>[],
    proof: Proof,
    body: BodySource,
  ): Promise<PathMatch<Route>> => {
    const [first] = candidates;
    assert(first);
    if (candidates.length === 1) return first;
    const names = candidates.map(({ entry }) => entry.dialect.name);
    // What stands in a body may be looked at only for a caller who has proved who he is.
    const takesBody = candidates.some(({ entry }) => entry.body.kind !== 'none');
    const sent = proof.caller && takesBody ? await body().catch(() => undefined) : undefined;
    const name = await parts.chooseDialect(names, sharedPathRequest(journey, proof.caller, sent));
    return candidates.find(({ entry }) => entry.dialect.name === name) ?? first;
  };

  const answerNowhere = async (
    journey: Journey,
    dialects: readonly Dialect[],
    problem: (dialect: Dialect) => Problem,
  ) => {
    const [first] = dialects;
    if (!first) return plainAnswer(404, 'not_found', 'no such path');
    const names = dialects.map(({ name }) => name);
    const chosen =
      names.length > 1 && (await parts.chooseDialect(names, sharedPathRequest(journey, undefined, undefined)));
    const dialect = dialects.find(({ name }) => name === chosen) ?? first;
    journey.exchange.found.dialect = dialect.name;
    return render(dialect, problem(dialect), restExchange(journey, undefined, undefined));
  };

  const render = (dialect: Dialect, problem: Problem, exchange: RestExchange): RestAnswer => {
    try {
      return dialect.rest.renderProblem(problem, exchange);
    } catch (error) {
      parts.log.error(
        { requestId: exchange.requestId, error: describeUnknownError(error) },
        'a problem could not be rendered',
      );
      return plainAnswer(500, 'internal', 'internal error');
    }
  };

  /** Whatever is no refusal is logged here, once, and shown as an internal error. */
  const problemOf = (error: unknown, { exchange }: Journey): Problem => {
    if (error instanceof ProblemError) return error.problem;
    if (error instanceof VaultError) return { kind: 'vault', error };
    const { requestId, found } = exchange;
    parts.log.error({ requestId, route: found.route, error: describeUnknownError(error) }, 'internal error');
    return { kind: 'internal' };
  };

  return {
    async answer(request, reply, exchange) {
      exchange.found.protocol = 'rest';
      const { path, query } = splitUrl(request.raw.url ?? '/');
      const match = parts.table.match(request.method, path);
      if (match.kind === 'malformed')
        return plainAnswer(400, 'invalid_argument', 'the path is not properly percent-encoded');
      const controller = abortWhenGone(reply);
      inFlight.add(controller);
      const headers = webHeaders(request);
      const journey: Journey = { request, exchange, headers, path, query, signal: controller.signal };
      try {
        if (match.kind === 'found') return await answerMatch(journey, match.candidates);
        if (match.kind === 'not_found')
          return await answerNowhere(journey, match.dialects, () => ({ kind: 'route_not_found' }));
        const { allow } = match;
        return await answerNowhere(journey, [...allow.keys()], (dialect) => ({
          kind: 'method_not_allowed',
          allow: allow.get(dialect) ?? [],
        }));
      } finally {
        inFlight.delete(controller);
      }
    },
    abort() {
      for (const controller of inFlight) controller.abort(shuttingDown());
    },
  };
}

/** Reads the body at most once, and only when it is asked for. */
type BodySource = () => Promise<JsonValue | undefined>;

function bodySource(request: FastifyRequest, bytesMax: number): BodySource {
  let read: Promise<JsonValue | undefined> | undefined;
  return () => (read ??= announcesBody(request.raw) ? readJsonBody(request.raw, bytesMax) : Promise.resolve(undefined));
}

function checkBody(route: Route, reader: RequestReader, sent: JsonValue | undefined): void {
  if (sent === undefined && reader.needsBody) throw new ProblemError({ kind: 'body_missing' });
  if (sent !== undefined && route.body.kind === 'all' && !isJsonObject(sent)) {
    throw new ProblemError({ kind: 'body_not_object', contentType: 'application/json' });
  }
}

function sharedPathRequest(
  { path, query, headers }: Journey,
  caller: Caller | undefined,
  body: JsonValue | undefined,
): SharedPathRequest {
  return { path, query, headers, caller, callerDialect: caller?.dialect ?? undefined, body };
}

/** Compiles readers at once, so that a mistake in a proto shows at start-up, and writers once a dialect. */
function compileRoutes({ table, guard }: RestParts): (route: Route) => CompiledRoute {
  const writers = new Map(table.routes.map(({ dialect }) => [dialect, createJsonWriters(dialect.rest.json)]));
  const compiled = new Map<Route, CompiledRoute>();
  for (const route of table.routes) {
    const ofDialect = writers.get(route.dialect);
    assert(ofDialect);
    compiled.set(route, {
      reader: createRequestReader(route, (schema, message) => guard.validate(schema, message)),
      write: route.responseField
        ? ofDialect.ofField(route.responseField)
        : ofDialect.ofMessage(route.rpc.method.output),
    });
  }
  return (route) => {
    const found = compiled.get(route);
    assert(found);
    return found;
  };
}

/** For what belongs to no dialect: Connect's error body. */
function plainAnswer(status: number, code: string, message: string): RestAnswer {
  return { status, body: { code, message } };
}

function splitUrl(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const at = url.indexOf('?');
  return at === -1
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, at), query: new URLSearchParams(url.slice(at + 1)) };
}

function webHeaders({ raw }: FastifyRequest): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw.headers)) {
    // HTTP/2's own headers have no place among the others.
    if (value === undefined || name.startsWith(':')) continue;
    for (const one of typeof value === 'string' ? [value] : value) headers.append(name, one);
  }
  return headers;
}

function abortWhenGone({ raw }: FastifyReply): AbortController {
  const controller = new AbortController();
  raw.once('close', () => {
    if (!raw.writableEnded) controller.abort();
  });
  return controller;
}
