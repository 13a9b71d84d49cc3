/** The least length of a padded plaintext in bytes: the lengths of shorter secrets are hidden entirely. */
export const paddedBytesMin = 64;

/** ISO/IEC 7816-4: the content ends with this byte, and zeros follow. */
const terminator = 0x80;

/**
 * The length after padding by Padmé: at most 12 % more, and it reveals only O(log log length) bits of the length.
 *
 * @param length of the content with its terminator, in bytes, at least 1
 * @see https://lbarman.ch/blog/padme/
 * @see https://arxiv.org/abs/1806.03160 section 4
 */
export function paddedLength(length: number): number {
  if (length <= paddedBytesMin) return paddedBytesMin;
  const exponent = Math.floor(Math.log2(length));
  const significantBits = Math.floor(Math.log2(exponent)) + 1;
  const step = 2 ** (exponent - significantBits);
  return Math.ceil(length / step) * step;
}

/** Encodes a text as UTF-8 and pads it, in a new array that the caller wipes. */
export function padText(text: string): Uint8Array {
  const length = Buffer.byteLength(text);
  const padded = new Uint8Array(paddedLength(length + 1));
  new TextEncoder().encodeInto(text, padded);
  padded[length] = terminator;
  return padded;
}

/**
 * The content of a padded plaintext, without a copy; undefined if the padding is not exactly that of `padText`. It runs on
 * authenticated bytes only, so its timing reveals nothing to an attacker.
 */
export function unpad(padded: Uint8Array): Uint8Array | undefined {
  let length = padded.length - 1;
  while (padded[length] === 0) length -= 1;
  const genuine = padded[length] === terminator && padded.length === paddedLength(length + 1);
  return genuine ? padded.subarray(0, length) : undefined;
}
