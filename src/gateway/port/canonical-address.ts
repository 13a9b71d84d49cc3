import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** `1.2.3.4:443`, `[2001:db8::1]` or `[2001:db8::1]:443`; proxies write the port of the client into `X-Forwarded-For`. */
const bracketed = /^\[([^[\]]*)\](?::\d{0,5})?$/;
const ipv4WithPort = /^([\d.]+):\d{0,5}$/;
const ipv4Mapped = '::ffff:';

/**
 * The one text of an IP address, whichever way it is written: without port, brackets, zone and surrounding blanks; IPv4 in place
 * of its mapping into IPv6; IPv6 as RFC 5952 has it. IPv4 with leading zeros is none, since some read them as octal.
 *
 * @returns undefined where the text is no address
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

/** The same of the address of a socket, which the system has written: cheap, since each request asks for it. */
export function canonicalSocketAddress(address: string): string {
  if (!address.includes(':')) return address;
  return address.includes('%') ? (canonicalAddress(address) ?? '') : withoutMapping(address);
}

function withoutMapping(address: string): string {
  return address.startsWith(ipv4Mapped) && address.includes('.') ? address.slice(ipv4Mapped.length) : address;
}
