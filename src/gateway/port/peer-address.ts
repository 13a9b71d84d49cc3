import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net';

/** `1.2.3.4:443`, `[2001:db8::1]` or `[2001:db8::1]:443`: proxies append the client's port in `X-Forwarded-For`. */
const bracketed = /^\[([^[\]]*)\](?::\d{0,5})?$/;
const ipv4WithPort = /^([\d.]+):\d{0,5}$/;
const ipv4Mapped = '::ffff:';

/**
 * The canonical text of an IP address: without port, brackets, zone and surrounding blanks; IPv4 instead of its mapping into IPv6;
 * IPv6 by RFC 5952. IPv4 with leading zeros is refused, because some programs read them as octal.
 *
 * @returns undefined if the text is not an address
 * @see https://www.rfc-editor.org/rfc/rfc5952
 */
export function canonicalAddress(text: string): string | undefined {
  const trimmed = text.trim();
  const host = (bracketed.exec(trimmed) ?? ipv4WithPort.exec(trimmed))?.[1] ?? trimmed;
  if (isIPv4(host)) return host;
  const [address = ''] = host.split('%', 1);
  if (!isIPv6(address)) return undefined;
  return withoutMapping(new SocketAddress({ address, family: 'ipv6' }).address);
}

/** The canonical text of a socket's address. It is cheap, because each request needs it and Node has formatted the address. */
export function canonicalSocketAddress(address: string): string {
  if (!address.includes(':')) return address;
  return address.includes('%') ? (canonicalAddress(address) ?? '') : withoutMapping(address);
}

function withoutMapping(address: string): string {
  return address.startsWith(ipv4Mapped) && address.includes('.') ? address.slice(ipv4Mapped.length) : address;
}

/** Whether the peer with a canonical address is a proxy whose `X-Forwarded-For` counts. */
export type IsTrustedProxy = (address: string) => boolean;

/** Names of networks. */
const networksByName: ReadonlyMap<string, readonly string[]> = new Map([
  ['loopback', ['127.0.0.0/8', '::1']],
  ['linklocal', ['169.254.0.0/16', 'fe80::/10']],
  ['uniquelocal', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']],
]);

interface Network {
  readonly address: string;
  readonly prefixBits: number;
  readonly family: 'ipv4' | 'ipv6';
}

/**
 * Compiles addresses, networks and names of networks.
 *
 * @returns undefined if one of them is invalid, or contains every address
 */
export function compileTrustedProxies(texts: readonly string[]): IsTrustedProxy | undefined {
  const networks = texts.flatMap((text) => networksByName.get(text.toLowerCase()) ?? text).map(parseNetwork);
  const list = new BlockList();
  for (const network of networks) {
    if (!network) return undefined;
    list.addSubnet(network.address, network.prefixBits, network.family);
  }
  return (address) => address !== '' && list.check(address, familyOf(address));
}

/** Parses an address, or one with a prefix length or, for IPv4, a mask. */
function parseNetwork(text: string): Network | undefined {
  const [written = '', prefix, ...others] = text.split('/');
  const address = canonicalAddress(written);
  if (address === undefined || others.length > 0) return undefined;
  const family = familyOf(address);
  const widest = family === 'ipv4' ? 32 : 128;
  if (prefix === undefined) return { address, prefixBits: widest, family };
  // The prefix length of an IPv4 address mapped into IPv6 includes the 96 bits of the mapping.
  const isMapped = family === 'ipv4' && written.includes(':');
  const prefixBits = isIPv4(prefix) ? bitsOfMask(prefix) : Number(/^\d{1,3}$/.exec(prefix)?.[0]) - (isMapped ? 96 : 0);
  return prefixBits >= 1 && prefixBits <= widest ? { address, prefixBits, family } : undefined;
}

/** NaN unless all ones precede all zeros. */
function bitsOfMask(mask: string): number {
  const bits = mask.split('.').map((part) => Number(part).toString(2).padStart(8, '0'));
  return /^(1*)0*$/.exec(bits.join(''))?.[1]?.length ?? Number.NaN;
}

function familyOf(address: string): Network['family'] {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}

/** Finds the canonical address of a request's client; empty if its connection has ended. */
export type FindPeer = (socketAddress: string | undefined, headers: IncomingHttpHeaders) => string;

/**
 * Creates the search for the client's address: from the socket on, each trusted proxy names the next address. If a proxy names
 * something else than an address, the search ends there, so that no invented text reaches the limits and the audit trail.
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
