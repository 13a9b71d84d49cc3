import { BlockList, isIPv4 } from 'node:net';
import { canonicalAddress } from './canonical-address.ts';

/** Decides whether the peer with a canonical address may say for which client it forwards. */
export type IsTrustedProxy = (address: string) => boolean;

/** Names that stand for networks. */
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
 * Compiles addresses and networks, each in any spelling of an address.
 *
 * @returns undefined where one of them is none, or stands for every address
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

/** An address, or one with a prefix length or, for IPv4, a mask. */
function parseNetwork(text: string): Network | undefined {
  const [written = '', prefix, ...others] = text.split('/');
  const address = canonicalAddress(written);
  if (address === undefined || others.length > 0) return undefined;
  const family = familyOf(address);
  const widest = family === 'ipv4' ? 32 : 128;
  if (prefix === undefined) return { address, prefixBits: widest, family };
  // The prefix of an IPv4 address that is mapped into IPv6 counts the 96 bits of the mapping.
  const isMapped = family === 'ipv4' && written.includes(':');
  const prefixBits = isIPv4(prefix) ? bitsOfMask(prefix) : Number(/^\d{1,3}$/.exec(prefix)?.[0]) - (isMapped ? 96 : 0);
  return prefixBits >= 1 && prefixBits <= widest ? { address, prefixBits, family } : undefined;
}

/** NaN where the ones are not all in front of the zeros. */
function bitsOfMask(mask: string): number {
  const bits = mask.split('.').map((part) => Number(part).toString(2).padStart(8, '0'));
  return /^(1*)0*$/.exec(bits.join(''))?.[1]?.length ?? Number.NaN;
}

function familyOf(address: string): Network['family'] {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}
