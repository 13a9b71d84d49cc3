import { Code } from '@connectrpc/connect';
import { codeFromString } from '@connectrpc/connect/protocol-connect';
import {
  context,
  createTraceState,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import type { Attributes, Context, Span, SpanContext, Tracer } from '@opentelemetry/api';
import type { IncomingHttpHeaders } from 'node:http';
import type { EndedExchange, RequestSpan } from '../contract/exchange.ts';

/** What the span of a request begins with. */
export interface TracedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** @see https://opentelemetry.io/docs/specs/semconv/registry/attributes/http/ */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'CONNECT', 'TRACE']);

/** Requests about the server itself. */
const untraced = /^\/(?:healthz|readyz|metrics|docs|openapi|grpc\.health\.|grpc\.reflection\.)/;

/** Codes of failures of the server, not of the client. @see https://opentelemetry.io/docs/specs/semconv/rpc/grpc/ */
const failures = new Set(['unknown', 'deadline_exceeded', 'unimplemented', 'internal', 'unavailable', 'data_loss']);

const systems: Readonly<Record<string, string>> = { grpc: 'grpc', 'grpc-web': 'grpc', connect: 'connect_rpc' };

/**
 * Begins the span of a request as a child of the client's span. Its attributes are names from our own tables, codes and
 * statuses: no path, no header and no part of a message.
 *
 * @returns undefined if nothing is recorded
 */
export function beginRequestSpan(tracer: Tracer, { method, path, headers }: TracedRequest): RequestSpan | undefined {
  if (untraced.test(path)) return undefined;
  const client = clientSpanOf(headers);
  const parent = client ? trace.setSpanContext(ROOT_CONTEXT, client) : ROOT_CONTEXT;
  const known = methods.has(method) ? method : undefined;
  const attributes = { 'http.request.method': known ?? '_OTHER' };
  // The name is set at the end, because the route is not known yet.
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

/** The name of the rpc, or the method and the route's template. */
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

/** A client that went away early received no status. */
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

/** The version, the id of the trace, the id of the parent, and flags; later versions may append more after a dash. */
const traceparentPattern =
  /^(?<version>[0-9a-f]{2})-(?<trace>[0-9a-f]{32})-(?<parent>[0-9a-f]{16})-(?<flags>[0-9a-f]{2})(?<more>-.*)?$/;
const headerCharactersMax = 512;

/**
 * The client's span that a request belongs to, from `traceparent` and `tracestate`. Malformed members of `tracestate` are dropped.
 *
 * @returns undefined if `traceparent` is absent, sent twice or malformed
 * @see https://www.w3.org/TR/trace-context/
 */
export function clientSpanOf(headers: IncomingHttpHeaders): SpanContext | undefined {
  const { trace: traceId, parent: spanId, flags } = parseTraceparent(headers);
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const { tracestate } = headers;
  return {
    traceId,
    spanId,
    // Other flags are not defined yet, and must not be passed on.
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(typeof tracestate === 'string' && { traceState: createTraceState(tracestate) }),
  };
}

/** The id of the trace that a request belongs to, 32 hex digits; undefined without a valid `traceparent`. */
export function traceIdOf(headers: IncomingHttpHeaders): string | undefined {
  return parseTraceparent(headers).trace;
}

function parseTraceparent({ traceparent }: IncomingHttpHeaders): Partial<Record<string, string>> {
  if (typeof traceparent !== 'string' || traceparent.length > headerCharactersMax) return {};
  const groups = traceparentPattern.exec(traceparent)?.groups ?? {};
  const { version, parent, more } = groups;
  if (version === 'ff' || (version === '00' && more !== undefined)) return {};
  return isZero(groups.trace) || isZero(parent) ? {} : groups;
}

function isZero(digits: string | undefined): boolean {
  return digits === undefined || /^0+$/.test(digits);
}
