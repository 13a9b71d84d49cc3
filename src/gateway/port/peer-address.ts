import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { canonicalAddress, canonicalSocketAddress } from './canonical-address.ts';
import { compileTrustedProxies } from './trusted-proxies.ts';

/** Finds the canonical address of a request's peer, past the proxies that are trusted; empty where its connection has ended. */
export type FindPeer = (socketAddress: string | undefined, headers: IncomingHttpHeaders) => string;

/**
 * From the socket on, each proxy that is trusted names the next address. What is no address ends the search at the proxy that
 * named it: a text that a client makes up is never an address of its own to limits and to the audit trail.
 *
 * @param trustedProxies addresses and networks whose `X-Forwarded-For` counts
 */
export function createPeerFinder(trustedProxies: readonly string[]): FindPeer {
  if (trustedProxies.length === 0) return (socketAddress = '') => canonicalSocketAddress(socketAddress);
  const isTrusted = compileTrustedProxies(trustedProxies);
  assert(isTrusted, 'trusted proxies must be addresses or networks');
  return (socketAddress = '', { 'x-forwarded-for': forwarded = '' }) => {
    const hops = String(forwarded)
      .split(',')
      .map((hop) => hop.trim())
      .filter((hop) => hop !== '');
    let peer = canonicalSocketAddress(socketAddress);
    while (isTrusted(peer)) {
      const next = canonicalAddress(hops.pop() ?? '');
      if (next === undefined) break;
      peer = next;
    }
    return peer;
  };
}
