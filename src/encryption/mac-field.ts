/** What a MAC is computed over, as it is given; null is not the empty value. */
export type MacField = string | Uint8Array | null;

const absent = '\u0000';
const present = '\u0001';

/** A field as it is hashed, text counting as UTF-8: `00` for null, else `01` and its bytes. */
export function encodeField(field: MacField): string | Uint8Array {
  if (field === null) return absent;
  return typeof field === 'string' ? present + field : Buffer.concat([Buffer.from(present), field]);
}
