import { createTraceState, TraceFlags, type SpanContext } from '@opentelemetry/api';
import type { IncomingHttpHeaders } from 'node:http';

/** The version, the trace's id, the parent's, and flags; later versions may add more behind a dash. */
const traceparentPattern =
  /^(?<version>[0-9a-f]{2})-(?<trace>[0-9a-f]{32})-(?<parent>[0-9a-f]{16})-(?<flags>[0-9a-f]{2})(?<more>-.*)?$/;
const headerCharactersMax = 512;

/**
 * The span of the client that a request belongs to, as its `traceparent` and `tracestate` tell; undefined where the first is
 * absent, sent twice, or not spelt as it must be. Of a state, only members that are spelt as they must be are kept.
 *
 * @see https://www.w3.org/TR/trace-context/
 */
export function clientSpanOf(headers: IncomingHttpHeaders): SpanContext | undefined {
  const { trace: traceId, parent: spanId, flags } = parse(headers);
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const { tracestate } = headers;
  return {
    traceId,
    spanId,
    // The other flags mean nothing yet, and are not to be passed on.
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(typeof tracestate === 'string' && { traceState: createTraceState(tracestate) }),
  };
}

/** The id of the trace that a request belongs to, 32 hex digits; undefined where it has no `traceparent` that is good. */
export function traceIdOf(headers: IncomingHttpHeaders): string | undefined {
  return parse(headers).trace;
}

function parse({ traceparent }: IncomingHttpHeaders): Partial<Record<string, string>> {
  if (typeof traceparent !== 'string' || traceparent.length > headerCharactersMax) return {};
  const groups = traceparentPattern.exec(traceparent)?.groups ?? {};
  const { version, trace, parent, more } = groups;
  if (version === 'ff' || (version === '00' && more !== undefined)) return {};
  return isZero(trace) || isZero(parent) ? {} : groups;
}

function isZero(digits: string | undefined): boolean {
  return digits === undefined || /^0+$/.test(digits);
}
