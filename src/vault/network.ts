/** An address that a proxy made up is cut off, so that it takes no memory. */
const addressCharactersMax = 64;

/** An IPv4 address, or the first 64 bits of an IPv6 one, since that is what one client has. */
export function networkOf(address: string): string {
  const plain = address
    .slice(0, addressCharactersMax)
    .toLowerCase()
    .replace(/^::ffff:(?=\d+\.)/, '');
  if (!plain.includes(':')) return plain;
  const [front = '', back] = plain.split('::');
  const groups = front.split(':').map((group) => group || '0');
  // What `::` leaves out begins behind the groups in front of it; more than four groups behind it reach into the first 64 bits.
  const behind = back === undefined || back === '' ? [] : back.split(':');
  const zeros = Math.max(0, 8 - groups.length - behind.length);
  return [...groups, ...Array.from({ length: zeros }, () => '0'), ...behind].slice(0, 4).join(':');
}
