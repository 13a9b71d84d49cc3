import type { IncomingHttpHeaders } from 'node:http';

/** Headers that proxies add. */
const proxyHeaders: ReadonlySet<string> = new Set(['forwarded', 'via', 'x-real-ip', 'true-client-ip', 'x-client-ip']);
const proxyHeaderPrefixes = ['x-forwarded', 'x-original-', 'cf-'];

/** Where a request came from. */
export interface RequestOrigin {
  /** Of the TCP connection. */
  readonly socketAddress: string | undefined;
  /** The client's address, from the headers of trusted proxies. */
  readonly peer: string;
  readonly headers: IncomingHttpHeaders;
  /** `Host`, or `:authority` of HTTP/2. */
  readonly host: string | undefined;
}

/** How a server can be reached, by its configuration. */
export interface ServerAddress {
  /** The address that it listens on. */
  readonly host: string;
  readonly tls?: object;
  readonly trustedProxies?: readonly string[];
}

/** Whether a server can be reached only from its own machine: on a loopback address, without TLS and without a known proxy. */
export function isLocalServer({ host, tls, trustedProxies = [] }: ServerAddress): boolean {
  return isLoopbackName(host) && tls === undefined && trustedProxies.length === 0;
}

/**
 * Whether a request was made directly on this machine: a loopback peer, a loopback host, no header of a proxy, and no page of
 * another origin. A local proxy that rewrites the host and adds no header cannot be detected.
 */
export function isLocalRequest({ socketAddress, peer, headers, host }: RequestOrigin): boolean {
  const { origin } = headers;
  if (Object.keys(headers).some(isProxyHeader) || socketAddress === undefined || host === undefined) return false;
  if (!isLoopbackAddress(socketAddress) || !isLoopbackAddress(peer) || !isLoopbackHost(host)) return false;
  return origin === undefined || hostOfOrigin(origin) === host.toLowerCase();
}

function isProxyHeader(name: string): boolean {
  return proxyHeaders.has(name) || proxyHeaderPrefixes.some((prefix) => name.startsWith(prefix));
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
