import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';

/**
 * The formats of `docs/sealed-format.md` once more, sharing no code with `src/`: BLAKE2b straight from its RFC, the boxes of
 * @noble/ciphers. What both make alike, both understood alike.
 */

const mask64 = (1n << 64n) - 1n;

const initialState = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
] as const;

/** Which word of the message each step of a round takes, as hex digits; rounds 11 and 12 are the first two again. */
const schedule = [
  '0123456789abcdef',
  'ea489fd61c02b753',
  'b8c052fdae367194',
  '7931dcbe265a40f8',
  '905724afe1bc683d',
  '2c6a0b834d75fe19',
  'c51fed4a0763928b',
  'db7ec13950f4862a',
  '6fe9b308c2d714a5',
  'a2847615fb9e3cd0',
] as const;

const columnsAndDiagonals = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

/** Keyed BLAKE2b of at most 64 bytes. @see https://www.rfc-editor.org/rfc/rfc7693#section-3.2 */
export function blake2b(message: Uint8Array, key: Uint8Array, length: number): Uint8Array {
  const keyBlock = new Uint8Array(key.length > 0 ? 128 : 0);
  keyBlock.set(key);
  const input = Buffer.concat([keyBlock, message]);
  const state: bigint[] = [...initialState];
  state[0] = word(state, 0) ^ BigInt(0x01010000 ^ (key.length << 8) ^ length);
  const blocks = Math.max(1, Math.ceil(input.length / 128));
  for (let block = 0; block < blocks; block++) {
    const last = block === blocks - 1;
    const padded = Buffer.alloc(128);
    input.copy(padded, 0, block * 128, block * 128 + 128);
    compress(state, padded, BigInt(last ? input.length : (block + 1) * 128), last);
  }
  const bytes = Buffer.alloc(64);
  for (const [index, value] of state.entries()) bytes.writeBigUInt64LE(value, index * 8);
  return bytes.subarray(0, length);
}

function compress(state: bigint[], block: Buffer, counter: bigint, last: boolean): void {
  const v: bigint[] = [...state, ...initialState];
  v[12] = word(v, 12) ^ counter;
  if (last) v[14] = word(v, 14) ^ mask64;
  for (let round = 0; round < 12; round++) {
    const order = schedule[round % 10] ?? '';
    for (const [step, [a, b, c, d]] of columnsAndDiagonals.entries()) {
      mix(v, [a, b, c, d], messageWord(block, order, 2 * step), messageWord(block, order, 2 * step + 1));
    }
  }
  for (let index = 0; index < 8; index++) state[index] = word(state, index) ^ word(v, index) ^ word(v, index + 8);
}

function mix(v: bigint[], [a, b, c, d]: readonly [number, number, number, number], x: bigint, y: bigint): void {
  v[a] = (word(v, a) + word(v, b) + x) & mask64;
  v[d] = rotateRight(word(v, d) ^ word(v, a), 32n);
  v[c] = (word(v, c) + word(v, d)) & mask64;
  v[b] = rotateRight(word(v, b) ^ word(v, c), 24n);
  v[a] = (word(v, a) + word(v, b) + y) & mask64;
  v[d] = rotateRight(word(v, d) ^ word(v, a), 16n);
  v[c] = (word(v, c) + word(v, d)) & mask64;
  v[b] = rotateRight(word(v, b) ^ word(v, c), 63n);
}

function rotateRight(value: bigint, bits: bigint): bigint {
  return ((value >> bits) | (value << (64n - bits))) & mask64;
}

function messageWord(block: Buffer, order: string, index: number): bigint {
  return block.readBigUInt64LE(8 * Number.parseInt(order.charAt(index), 16));
}

function word(words: readonly bigint[], index: number): bigint {
  return words[index] ?? 0n;
}

/** Keyed BLAKE2b over a label and parts, each behind its length. */
export function deriveIndependently(
  key: Uint8Array,
  label: string,
  parts: readonly Uint8Array[],
  length: number,
): Uint8Array {
  const framed = [Buffer.from(label), ...parts].flatMap((part) => [uint32(part.length), part]);
  return blake2b(Buffer.concat(framed), key, length);
}

export function uint32(number: number): Uint8Array {
  return Buffer.from(number.toString(16).padStart(8, '0'), 'hex');
}

export function uuid(text: string): Uint8Array {
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}

/** What a padded text looks like: the text, 80, and zeros up to the next length whose last bits are zero. */
export function padIndependently(text: string): Uint8Array {
  const content = Buffer.concat([Buffer.from(text), Buffer.of(0x80)]);
  let length = Math.max(64, content.length);
  while (!isPadme(length)) length += 1;
  return Buffer.concat([content, Buffer.alloc(length - content.length)]);
}

/** Padmé keeps as many leading bits of a length as its exponent needs bits to be written; the others are zero. */
function isPadme(length: number): boolean {
  const exponent = length.toString(2).length - 1;
  const kept = exponent.toString(2).length + 1;
  return !length.toString(2).slice(kept).includes('1');
}

/** What a record is sealed with. */
export interface IndependentSealing {
  readonly workspaceKey: Uint8Array;
  readonly workspaceId: string;
  readonly credentialId: string;
  readonly version: number;
  readonly nonce: Uint8Array;
  readonly text: string;
}

export function sealIndependently(sealing: IndependentSealing): Uint8Array {
  const { workspaceKey, nonce } = sealing;
  const keyId = deriveIndependently(workspaceKey, 'coffer/v1/key-id', [], 8);
  const parts = [uuid(sealing.workspaceId), uuid(sealing.credentialId), uint32(sealing.version)];
  const record = deriveIndependently(workspaceKey, 'coffer/v1/record', parts, 64);
  const box = xsalsa20poly1305(record.subarray(0, 32), nonce).encrypt(padIndependently(sealing.text));
  return Buffer.concat([Buffer.of(1), keyId, record.subarray(32), nonce, box]);
}

export function wrapIndependently(key: Uint8Array, nonce: Uint8Array, content: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.of(1), nonce, xsalsa20poly1305(key, nonce).encrypt(content)]);
}

export function openIndependently(key: Uint8Array, nonce: Uint8Array, box: Uint8Array): Uint8Array {
  return xsalsa20poly1305(key, nonce).decrypt(box);
}
