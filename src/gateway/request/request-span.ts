import { Code } from '@connectrpc/connect';
import { codeFromString } from '@connectrpc/connect/protocol-connect';
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import type { IncomingHttpHeaders } from 'node:http';
import type { EndedExchange, RequestSpan } from '../contract/exchange.ts';
import { clientSpanOf } from './trace-context.ts';

/** What of a request its span begins with. */
export interface TracedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** @see https://opentelemetry.io/docs/specs/semconv/registry/attributes/http/ */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'CONNECT', 'TRACE']);

/** What asks only after the server itself. */
const untraced = /^\/(?:healthz|readyz|metrics|docs|openapi|grpc\.health\.|grpc\.reflection\.)/;

/** Those by which the server, and not the client, has failed. @see https://opentelemetry.io/docs/specs/semconv/rpc/grpc/ */
const failures = new Set(['unknown', 'deadline_exceeded', 'unimplemented', 'internal', 'unavailable', 'data_loss']);

const systems: Readonly<Record<string, string>> = { grpc: 'grpc', 'grpc-web': 'grpc', connect: 'connect_rpc' };

/**
 * Begins the span of a request, below the client's own. It holds names of our own tables, codes and statuses alone: no path,
 * no header and nothing of a message.
 *
 * @returns undefined where nothing is recorded
 */
export function beginRequestSpan(tracer: Tracer, { method, path, headers }: TracedRequest): RequestSpan | undefined {
  if (untraced.test(path)) return undefined;
  const client = clientSpanOf(headers);
  const parent = client ? trace.setSpanContext(ROOT_CONTEXT, client) : ROOT_CONTEXT;
  const known = methods.has(method) ? method : undefined;
  const attributes = { 'http.request.method': known ?? '_OTHER' };
  // The route is known only once somebody has found who is calling, and what.
  const span = tracer.startSpan(known ?? 'HTTP', { kind: SpanKind.SERVER, attributes }, parent);
  return span.isRecording() ? spanOf(span, trace.setSpan(parent, span), known ?? 'HTTP') : undefined;
}

function spanOf(span: Span, within: Context, method: string): RequestSpan {
  return {
    traceId: span.spanContext().traceId,
    run: (work) => context.with(within, work),
    end(ended) {
      span.updateName(nameOf(method, ended));
      span.setAttributes(attributesOf(ended));
      const failure = failureOf(ended);
      if (failure !== undefined) {
        span.setAttribute('error.type', failure);
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
}

/** An rpc's name, or the method and the route's template. */
function nameOf(method: string, { found }: EndedExchange): string {
  if (found.route === undefined) return method;
  return found.protocol === 'rest' ? `${method} ${found.route}` : found.route;
}

function attributesOf(ended: EndedExchange): Attributes {
  const { protocol, dialect, rpc } = ended.found;
  return {
    ...(protocol !== undefined && { 'coffer.protocol': protocol }),
    ...(dialect !== undefined && { 'coffer.dialect': dialect }),
    ...(rpc !== undefined && { 'coffer.rpc': rpc }),
    ...(systems[protocol ?? ''] === undefined ? httpAttributesOf(ended) : rpcAttributesOf(ended)),
  };
}

/** A client that went away before the end has seen no status. */
function httpAttributesOf({ found: { route }, status, isAborted }: EndedExchange): Attributes {
  return {
    ...(route !== undefined && { 'http.route': route }),
    ...(!isAborted && { 'http.response.status_code': status }),
  };
}

/** @see https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/ */
function rpcAttributesOf({ found: { protocol = '', rpc = '', code } }: EndedExchange): Attributes {
  const [service = '', method = ''] = rpc.split('/');
  const system = systems[protocol] ?? '';
  return {
    'rpc.system': system,
    ...(rpc !== '' && { 'rpc.service': service, 'rpc.method': method }),
    ...(system === 'grpc' && {
      'rpc.grpc.status_code': code === undefined ? 0 : (codeFromString(code) ?? Code.Unknown),
    }),
    ...(system !== 'grpc' && code !== undefined && { 'rpc.connect_rpc.error_code': code }),
  };
}

function failureOf({ found: { code }, status, isAborted }: EndedExchange): string | undefined {
  if (code !== undefined) return failures.has(code) ? code : undefined;
  return status >= 500 && !isAborted ? String(status) : undefined;
}
