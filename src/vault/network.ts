/** Bounds the memory for a text that is not an address. */
const addressCharactersMax = 64;

/**
 * The network by which calls are counted: an IPv4 address itself, and for IPv6 the network of 64 bits, such as
 * `2001:db8:1:2::/64`, because a single client has all of its addresses.
 */
export function networkOf(address: string): string {
  const text = address
    .slice(0, addressCharactersMax)
    .toLowerCase()
    .replace(/^::ffff:(?=\d+\.)/, '');
  if (!text.includes(':')) return text;
  const [front = '', back] = text.split('::');
  const before = front.split(':').map((group) => group || '0');
  const after = back === undefined || back === '' ? [] : back.split(':');
  // `::` replaces zeros after the groups before it; more than four groups after it reach into the first 64 bits.
  const zeros = Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after].slice(0, 4);
  return `${groups.join(':').replace(/(?:^|:)0(?::0)*$/, '')}::/64`;
}
