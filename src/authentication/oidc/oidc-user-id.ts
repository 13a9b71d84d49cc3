import { createHash } from 'node:crypto';

/**
 * The id of a person whom an issuer knows: always the same for the same issuer and subject, and of nobody else. A UUIDv8 of
 * SHA-256 over the length-prefixed names.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.8
 */
export function oidcUserId(issuer: string, subject: string): string {
  const hash = createHash('sha256').update('coffer/v1/oidc-user');
  for (const part of [issuer, subject].map((text) => Buffer.from(text))) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    hash.update(length).update(part);
  }
  const bytes = hash.digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
