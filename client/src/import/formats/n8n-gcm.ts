import { createDecipheriv, hkdfSync } from 'node:crypto';
import { decodeBase64 } from './base64.ts';

const version = 1;
const saltBytes = 32;
const tagBytes = 16;
const keyBytes = 32;
const ivBytes = 12;
const info = 'n8n-encryption-v1';

/** What became of an attempt to open a ciphertext. */
export type GcmResult =
  | { readonly state: 'opened'; readonly text: string }
  | { readonly state: 'malformed' }
  | { readonly state: 'unauthentic' };

/**
 * Opens n8n's newer ciphertext: base64 of the version 1, 32 bytes of salt, the tag and the AES-256-GCM ciphertext, whose key
 * and IV come from HKDF-SHA256 over a key of 32 bytes.
 */
export function openGcm(text: string, key: Uint8Array): GcmResult {
  const bytes = decodeBase64(text);
  if (!bytes || bytes[0] !== version || bytes.length < 1 + saltBytes + tagBytes) return { state: 'malformed' };
  const salt = bytes.subarray(1, 1 + saltBytes);
  const tag = bytes.subarray(1 + saltBytes, 1 + saltBytes + tagBytes);
  const derived = Buffer.from(hkdfSync('sha256', key, salt, info, keyBytes + ivBytes));
  const decipher = createDecipheriv('aes-256-gcm', derived.subarray(0, keyBytes), derived.subarray(keyBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAuthTag(tag);
  try {
    const opened = [decipher.update(bytes.subarray(1 + saltBytes + tagBytes)), decipher.final()];
    return { state: 'opened', text: Buffer.concat(opened).toString('utf8') };
  } catch {
    return { state: 'unauthentic' };
  }
}
