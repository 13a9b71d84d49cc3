import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Opened } from '../reading/source-entry.ts';
import { decodeBase64 } from './base64.ts';
import { decryptCbc, isWholeBlocks, openPaddedObject } from './cbc.ts';

const version = 0x80;
const headerBytes = 1 + 8;
const ivBytes = 16;
const macBytes = 32;

/** The two keys of Fernet. */
export interface FernetKey {
  readonly signingKey: Uint8Array;
  readonly encryptionKey: Uint8Array;
}

/** Parses a key: 32 bytes as base64, urlsafe or not, or as 64 hex digits. Undefined for anything else. */
export function parseFernetKey(text: string): FernetKey | undefined {
  const bytes = /^[0-9a-fA-F]{64}$/.test(text)
    ? Buffer.from(text, 'hex')
    : (decodeBase64(text, 'base64url') ?? decodeBase64(text));
  if (bytes?.length !== 32) return undefined;
  return { signingKey: bytes.subarray(0, 16), encryptionKey: bytes.subarray(16) };
}

/**
 * Opens a Fernet token of a JSON object; its time is not checked.
 *
 * @see https://github.com/fernet/spec/blob/master/Spec.md
 */
export function openFernet(token: string, { signingKey, encryptionKey }: FernetKey): Opened {
  const bytes = decodeBase64(token.trim(), 'base64url');
  if (!bytes) return { state: 'damaged', reason: 'it is not urlsafe base64' };
  const signed = bytes.subarray(0, -macBytes);
  const sealed = signed.subarray(headerBytes + ivBytes);
  if (bytes[0] !== version) return { state: 'damaged', reason: 'it is no Fernet token' };
  if (bytes.length < headerBytes + ivBytes + macBytes || !isWholeBlocks(sealed)) {
    return { state: 'damaged', reason: 'it was cut off' };
  }
  const iv = signed.subarray(headerBytes, headerBytes + ivBytes);
  const content = openPaddedObject(decryptCbc({ key: encryptionKey, iv }, sealed));
  const mac = createHmac('sha256', signingKey).update(signed).digest();
  const isAuthentic = timingSafeEqual(mac, bytes.subarray(-macBytes));
  if (isAuthentic && content.state === 'wrong key') return { state: 'damaged', reason: 'it contains no JSON object' };
  if (isAuthentic || content.state === 'wrong key') return content;
  return { state: 'damaged', reason: 'its MAC does not match: it was changed' };
}
