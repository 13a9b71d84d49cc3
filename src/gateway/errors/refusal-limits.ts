/** The most faults of a request that a refusal lists. */
export const faultsMax = 100;

/** The most bytes that the list of faults in a refusal takes. */
export const faultListBytesMax = 16_384;

/** The most bytes of UTF-8 that a refusal quotes of a name, an id or a value. */
export const quotedBytesMax = 256;

/**
 * Cuts a text that a refusal quotes to 256 bytes of UTF-8, at the boundary of a code point.
 *
 * @see https://encoding.spec.whatwg.org/#dom-textencoder-encodeinto
 */
export function quote(text: string, bytesMax: number = quotedBytesMax): string {
  // A UTF-16 unit takes three bytes at most, and one at least.
  if (text.length * 3 <= bytesMax) return text;
  const { read } = new TextEncoder().encodeInto(text.slice(0, bytesMax), new Uint8Array(bytesMax));
  return text.slice(0, read);
}
