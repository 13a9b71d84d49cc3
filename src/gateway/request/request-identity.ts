import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { randomUUID } from 'node:crypto';

/** Printable ASCII without spaces, quotes and what could end a line or a header. */
const requestIdPattern = /^[A-Za-z0-9._:/+=@~-]{1,128}$/;

/** `X-Request-ID`, else `X-Correlation-ID`, else a fresh UUID; an id that is too long or oddly spelt does not count. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = [headers['x-request-id'], headers['x-correlation-id']];
  const id = given.find((value) => typeof value === 'string' && requestIdPattern.test(value));
  return typeof id === 'string' ? id : randomUUID();
}

/** HTTP/2 has `:authority` in place of `Host`. */
export function hostOf({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const authority = headers[':authority'];
  return typeof authority === 'string' ? authority : headers.host;
}

/**
 * Tells whether a request names its host more than once, so that whoever looks at it next may read another one.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1
 */
export function hasSeveralHosts(request: IncomingMessage): boolean {
  const { host } = request.headers;
  const isContradicted = host !== undefined && host.toLowerCase() !== hostOf(request)?.toLowerCase();
  return countHeader(request, 'host') > 1 || isContradicted;
}

/** Tells whether a request has more than one `Authorization`, of which Node shows the first alone. */
export function hasSeveralAuthorizations(request: Pick<IncomingMessage, 'rawHeaders'>): boolean {
  return countHeader(request, 'authorization') > 1;
}

function countHeader({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>, name: string): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const text = rawHeaders[index];
    if (text?.length === name.length && text.toLowerCase() === name) count += 1;
  }
  return count;
}

/** Headers by which proxies tell of whom they forward for; those that begin so count, too. */
const proxyHeaders: ReadonlySet<string> = new Set(['forwarded', 'via', 'x-real-ip', 'true-client-ip', 'x-client-ip']);
const proxyHeaderBeginnings = ['x-forwarded', 'x-original-', 'cf-'];

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

/** Where a server is reached, as far as its configuration tells. */
export interface ServerPlace {
  /** What it listens on. */
  readonly host: string;
  readonly tls?: object;
  readonly trustedProxies?: readonly string[];
}

/**
 * Tells whether a server is reached from its own machine alone: in clear, on a loopback address, without a proxy that it
 * knows of.
 */
export function isLocalServer({ host, tls, trustedProxies = [] }: ServerPlace): boolean {
  return isLoopbackName(host) && tls === undefined && trustedProxies.length === 0;
}

/**
 * Tells whether a request was made on this machine by no detour: a loopback peer, a loopback host, no proxy's header, and no
 * page of another origin. A proxy on this machine that rewrites the host and adds no header can't be told from that.
 */
export function isLocalRequest({ socketAddress, peer, headers, host }: Origin): boolean {
  const { origin } = headers;
  if (Object.keys(headers).some(isProxyHeader) || socketAddress === undefined || host === undefined) return false;
  if (!isLoopbackAddress(socketAddress) || !isLoopbackAddress(peer) || !isLoopbackHost(host)) return false;
  return origin === undefined || hostOfOrigin(origin) === host.toLowerCase();
}

function isProxyHeader(name: string): boolean {
  return proxyHeaders.has(name) || proxyHeaderBeginnings.some((beginning) => name.startsWith(beginning));
}

function isLoopbackAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, '');
  return plain === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(plain);
}

function isLoopbackHost(host: string): boolean {
  return isLoopbackName(host.replace(/:\d{1,5}$/, '').replace(/^\[(.*)\]$/, '$1'));
}

function isLoopbackName(name: string): boolean {
  return name.toLowerCase() === 'localhost' || isLoopbackAddress(name);
}

function hostOfOrigin(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
