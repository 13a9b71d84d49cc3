import proxyAddress from '@fastify/proxy-addr';
import type { IncomingHttpHeaders } from 'node:http';

/** Tells the address of a request's peer, past the proxies that are trusted; empty where its connection has ended by now. */
export type FindPeer = (socketAddress: string | undefined, headers: IncomingHttpHeaders) => string;

/**
 * Makes what the web framework does for its own requests, for those that come past it.
 *
 * @param trustedProxies addresses and ranges whose `X-Forwarded-For` is believed
 */
export function createPeerFinder(trustedProxies: readonly string[]): FindPeer {
  if (trustedProxies.length === 0) return (socketAddress) => socketAddress ?? '';
  const isTrusted = proxyAddress.compile([...trustedProxies]);
  return (socketAddress = '', { 'x-forwarded-for': forwarded = '' }) => {
    const hops = String(forwarded)
      .split(',')
      .map((hop) => hop.trim())
      .filter((hop) => hop !== '');
    const addresses = [socketAddress, ...hops.toReversed()];
    return addresses.find((address, index) => !isTrusted(address, index)) ?? addresses.at(-1) ?? '';
  };
}
