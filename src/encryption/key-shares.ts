import { createHash, timingSafeEqual } from 'node:crypto';
import { combine, split } from 'shamir-secret-sharing';
import { copyOutsideHeap, keyBytes } from './key.ts';

/** A share: the values of 32 polynomials over GF(256) at one point, and that point. */
const shareBytes = keyBytes + 1;
const checksumDigits = 8;
const form =
  /^coffer-share-1:(?<fingerprint>[0-9a-f]{16}):(?<threshold>[1-9]\d{0,2}):(?<share>[\w-]{44}):(?<checksum>[0-9a-f]{8})$/;

/** A share of a master key. */
export interface KeyShare {
  /** Of the master key. */
  readonly fingerprint: string;
  /** How many shares are needed. */
  readonly threshold: number;
  /** 33 bytes. */
  readonly bytes: Uint8Array;
}

/** How a key is split: at least 2 shares, at most 255, and a threshold from 2 to their number. */
export interface ShareCounts {
  readonly shares: number;
  readonly threshold: number;
}

/**
 * Splits a master key by Shamir's method over GF(256).
 *
 * @param key 32 bytes
 * @see https://github.com/privy-io/shamir-secret-sharing
 */
export async function splitKey(
  key: Uint8Array,
  fingerprint: string,
  { shares, threshold }: ShareCounts,
): Promise<readonly KeyShare[]> {
  const parts = await split(key, shares, threshold);
  return parts.map((bytes) => ({ fingerprint, threshold, bytes }));
}

/** Computes the key from as many shares as the threshold. Of other shares it computes another key. */
export async function combineShares(shares: readonly KeyShare[]): Promise<Uint8Array> {
  const combined = await combine(shares.map(({ bytes }) => bytes));
  const key = copyOutsideHeap(combined);
  combined.fill(0);
  return key;
}

/** Formats a share: `coffer-share-1:<fingerprint>:<threshold>:<base64url>:<checksum>`. */
export function formatShare({ bytes, fingerprint, threshold }: KeyShare): string {
  const share = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
  const text = `coffer-share-1:${fingerprint}:${threshold}:${share}`;
  return `${text}:${checksumOf(text)}`;
}

/** Parses a share, with spaces around it; undefined for any other text, also one with a wrong checksum. */
export function parseShare(text: string): KeyShare | undefined {
  const trimmed = text.trim();
  const { checksum = '', fingerprint = '', share = '', threshold = '' } = form.exec(trimmed)?.groups ?? {};
  const decoded = Buffer.from(share, 'base64url');
  const bytes = new Uint8Array(decoded);
  decoded.fill(0);
  if (bytes.length !== shareBytes) return undefined;
  const parsed = { fingerprint, threshold: Number(threshold), bytes };
  const isWhole = checksumOf(trimmed.slice(0, -1 - checksumDigits)) === checksum;
  return isWhole && parsed.threshold >= 2 && parsed.threshold <= 255 ? parsed : undefined;
}

/** The hash by which a share is recognized later; it reveals nothing about the share, which has 256 random bits. */
export function hashShare({ bytes }: KeyShare): Uint8Array {
  return createHash('sha256').update('coffer/v1/share').update(bytes).digest();
}

/** Whether two hashes of shares are equal. */
export function isSameHash(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

/** The first 32 bits of the SHA-256 of what precedes, against typing errors. */
function checksumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, checksumDigits);
}
