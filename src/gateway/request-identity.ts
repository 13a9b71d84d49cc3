import type { IncomingHttpHeaders } from 'node:http';
import { randomUUID } from 'node:crypto';

/** Printable ASCII without spaces, quotes and what could end a line or a header. */
const requestIdPattern = /^[A-Za-z0-9._:/+=@~-]{1,128}$/;

/** `X-Request-ID`, else `X-Correlation-ID`, else a fresh UUID; an id that is too long or oddly spelt does not count. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = [headers['x-request-id'], headers['x-correlation-id']];
  const id = given.find((value) => typeof value === 'string' && requestIdPattern.test(value));
  return typeof id === 'string' ? id : randomUUID();
}

/** What is known of where a request came from. */
export interface Origin {
  /** Of the TCP connection. */
  readonly socketAddress: string | undefined;
  /** As trusted proxies tell it. */
  readonly peer: string;
  readonly headers: IncomingHttpHeaders;
  /** The `Host` header, or HTTP/2's `:authority`. */
  readonly host: string | undefined;
}

/**
 * Tells whether a request was made on this machine by no detour: a loopback peer, a loopback host, no proxy's header, and no
 * page of another origin.
 */
export function isLocalRequest({ socketAddress, peer, headers, host }: Origin): boolean {
  const { origin } = headers;
  const isForwarded = Object.keys(headers).some((name) => name === 'forwarded' || name.startsWith('x-forwarded-'));
  if (isForwarded || headers.via !== undefined || socketAddress === undefined || host === undefined) return false;
  if (!isLoopbackAddress(socketAddress) || !isLoopbackAddress(peer) || !isLoopbackHost(host)) return false;
  return origin === undefined || hostOfOrigin(origin) === host.toLowerCase();
}

function isLoopbackAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, '');
  return plain === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(plain);
}

function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d{1,5}$/, '').toLowerCase();
  return name === 'localhost' || name === '[::1]' || isLoopbackAddress(name);
}

function hostOfOrigin(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
