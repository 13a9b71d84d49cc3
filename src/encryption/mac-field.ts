/** What a MAC is computed over, as it is given; null is not the empty value. */
export type MacField = string | Uint8Array | null;

const absent = Uint8Array.of(0);
const present = Uint8Array.of(1);

/** A field as it is hashed: `00` for null, else `01` and its bytes. */
export function encodeField(field: MacField): Uint8Array {
  return field === null ? absent : Buffer.concat([present, Buffer.from(field)]);
}
