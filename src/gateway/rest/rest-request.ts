import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ReadJson } from '../../vault/read-json.ts';
import type { RequestHeaders } from '../request/request-headers.ts';
import type { Exchange } from '../contract/exchange.ts';
import { readQueryText, type BoundedQuery } from '../request/query.ts';
import { announcesBody, readJsonBody } from '../request/request-body.ts';
import { headersByName } from '../request/request-headers.ts';
import type { SharedPathRequest } from '../routes/shared-path.ts';

/** A REST request, taken apart. */
export interface RestRequest extends BoundedQuery {
  readonly exchange: Exchange;
  readonly httpMethod: string;
  /** Without the query, still percent-encoded. */
  readonly path: string;
  /** The query as it was sent. */
  readonly rawQuery: string;
  readonly headers: RequestHeaders;
  /** Reads the body, once, and only when it is asked for, up to the limit that is then given; undefined where there is none. */
  readonly body: (bytesMax: number) => Promise<ReadJson | undefined>;
  /** Aborted when the client goes away. */
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
    body: (bytesMax) => (read ??= announcesBody(raw) ? readJsonBody(raw, bytesMax) : Promise.resolve(undefined)),
    signal,
  };
}

/** Aborted when the client goes away before its answer is complete. */
export function abortWhenGone({ raw }: FastifyReply): AbortController {
  const controller = new AbortController();
  raw.once('close', () => {
    if (!raw.writableEnded) controller.abort();
  });
  return controller;
}

/** What of a request the choice of a dialect may look at. */
export function showForChoice(
  { path, query, headers, signal }: RestRequest,
  found: Pick<SharedPathRequest, 'caller' | 'body' | 'pathValues'>,
): SharedPathRequest {
  return { path, query, headers, signal, callerDialect: found.caller?.dialect ?? undefined, ...found };
}
