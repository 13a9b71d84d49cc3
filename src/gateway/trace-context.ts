import type { IncomingHttpHeaders } from 'node:http';

/** The version, the trace's id, the parent's, and flags; later versions may add more behind a dash. */
const traceparentPattern =
  /^(?<version>[0-9a-f]{2})-(?<trace>[0-9a-f]{32})-(?<parent>[0-9a-f]{16})-[0-9a-f]{2}(?<more>-.*)?$/;
const headerCharactersMax = 512;

/**
 * The id of the trace that a request belongs to, 32 hex digits, as its `traceparent` tells; undefined where that is absent,
 * sent twice, or not spelt as it must be.
 *
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceIdOf({ traceparent }: IncomingHttpHeaders): string | undefined {
  if (typeof traceparent !== 'string' || traceparent.length > headerCharactersMax) return undefined;
  const { version, trace, parent, more } = traceparentPattern.exec(traceparent)?.groups ?? {};
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  return isZero(trace) || isZero(parent) ? undefined : trace;
}

function isZero(digits: string | undefined): boolean {
  return digits === undefined || /^0+$/.test(digits);
}
