import type { FastifyRequest } from 'fastify';
import type { Caller } from '../../vault/caller.ts';
import { isJsonObject, type JsonValue } from '../../vault/json.ts';
import type { ReadJson } from '../../vault/read-json.ts';
import type { Fault, RestExchange } from '../contract/dialect.ts';
import type { Exchange } from '../contract/exchange.ts';
import { ProblemError } from '../errors/rest-problems.ts';
import { announcesBody, readJsonBody } from '../request/request-body.ts';
import { headersByName, type RequestHeaders } from '../request/request-headers.ts';
import { findMisencodedParameter, parametersMax, readQueryText, type BoundedQuery } from '../request/request-target.ts';
import type { PathMatch } from '../routes/path-tree.ts';
import type { Route, SharedPathRequest } from '../routes/route-table.ts';

/** The parts of a REST request. */
export interface RestRequest extends BoundedQuery {
  readonly exchange: Exchange;
  readonly httpMethod: string;
  /** Without the query, still percent-encoded. */
  readonly path: string;
  /** The query as it was sent. */
  readonly rawQuery: string;
  readonly headers: RequestHeaders;
  /** Reads the body once, on the first call and up to its limit; undefined if there is none. */
  readonly body: (bytesMax: number) => Promise<ReadJson | undefined>;
  /** Aborted when the client goes away or the server stops. */
  readonly signal: AbortSignal;
}

/** Takes a request apart, without reading its body. */
export function openRestRequest(request: FastifyRequest, exchange: Exchange, signal: AbortSignal): RestRequest {
  const { raw } = request;
  const [path = '/', ...rest] = (raw.url ?? '/').split('?');
  const rawQuery = rest.join('?');
  let read: Promise<ReadJson | undefined> | undefined;
  return {
    exchange,
    httpMethod: request.method,
    path,
    ...readQueryText(rawQuery),
    rawQuery,
    headers: headersByName(raw.headers),
    body: (bytesMax) =>
      (read ??= announcesBody(raw) ? readJsonBody(raw, bytesMax, signal) : Promise.resolve(undefined)),
    signal,
  };
}

/** What the choice of a dialect may look at. */
export function describeForChoice(
  { path, query, headers, signal }: RestRequest,
  found: Pick<SharedPathRequest, 'caller' | 'body' | 'pathValues'>,
): SharedPathRequest {
  return { path, query, headers, signal, callerDialect: found.caller?.dialect ?? undefined, ...found };
}

/** What a dialect may look at to render an answer or a problem. */
export function describeExchange(
  { exchange, headers }: RestRequest,
  now: Date,
  match: PathMatch<Route> | undefined,
  caller: Caller | undefined,
): RestExchange {
  return {
    method: match?.entry.rpc.method,
    requestId: exchange.requestId,
    now,
    pathVariables: match?.variables ?? {},
    caller,
    hasOtherScheme: !/^\s*(?:bearer(?:\s|$)|$)/i.test(headers.get('authorization') ?? ''),
  };
}

const tooManyParameters: Fault = {
  source: 'query',
  path: [],
  rule: 'too_many',
  expected: parametersMax,
  input: undefined,
};

/** @throws ProblemError `invalid_request` if a query has too many parameters, or one that is not UTF-8 */
export function checkQuery({ isQueryCut, rawQuery }: RestRequest): void {
  if (isQueryCut) throw new ProblemError({ kind: 'invalid_request', faults: [tooManyParameters] });
  const name = findMisencodedParameter(rawQuery);
  if (name === undefined) return;
  const fault = { source: 'query', path: name === '' ? [] : [name], rule: 'other', input: undefined } as const;
  throw new ProblemError({ kind: 'invalid_request', faults: [fault] });
}

/** @throws ProblemError `body_missing`, `body_not_object` */
export function checkBody({ body: binding }: Route, needsBody: boolean, body: JsonValue | undefined): void {
  if (body === undefined && needsBody) throw new ProblemError({ kind: 'body_missing' });
  if (body !== undefined && binding.kind === 'all' && !isJsonObject(body)) {
    throw new ProblemError({ kind: 'body_not_object', contentType: 'application/json' });
  }
}
