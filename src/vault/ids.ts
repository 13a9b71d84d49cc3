/** The spelling of an id that miniflow's clients use: a prefix and the last 16 hex digits of the UUID. */
export const shortIdPrefixes = { credential: 'CRD-', workspace: 'WSP-', user: 'USR-' } as const;

export type ShortIdKind = keyof typeof shortIdPrefixes;

/** How a caller names a thing: by its whole id, or by the last 16 hex digits of it, upper-case. */
export type Reference = { readonly id: string } | { readonly shortId: string };

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const shortIdPattern = /^[0-9A-F]{16}$/;
/** Each byte's two hex digits: ids are made for every call. */
const hexOfBytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The last 8 bytes of an id as 16 upper-case hex digits, without a prefix. */
export function shortIdOf(id: string): string {
  return id.slice(-17).replace('-', '').toUpperCase();
}

/** The prefixed short spelling, such as `CRD-8F00112233445566`. */
export function spellShortId(kind: ShortIdKind, id: string): string {
  return shortIdPrefixes[kind] + shortIdOf(id);
}

/** Reads a whole id, in any case of letters; what is none is undefined, and is to be treated as absent. */
export function parseId(text: string): string | undefined {
  const lower = text.toLowerCase();
  return uuidPattern.test(lower) ? lower : undefined;
}

/** Reads either spelling; what is neither is undefined, and is to be treated as absent. */
export function parseReference(kind: ShortIdKind, text: string): Reference | undefined {
  const id = parseId(text);
  if (id !== undefined) return { id };
  const prefix = shortIdPrefixes[kind];
  const shortId = text.slice(prefix.length);
  return text.startsWith(prefix) && shortIdPattern.test(shortId) ? { shortId } : undefined;
}

/** Tells whether an id is the one that is meant. */
export function refersTo(reference: Reference, id: string): boolean {
  return 'id' in reference ? reference.id === id : reference.shortId === shortIdOf(id);
}

/**
 * Spells a UUIDv7: 48 bits of Unix milliseconds, then random bits.
 *
 * @param random 10 bytes from a CSPRNG
 * @see https://www.rfc-editor.org/rfc/rfc9562#section-5.7
 */
export function uuidV7(timeMs: number, random: Uint8Array): string {
  const time = timeMs.toString(16).padStart(12, '0');
  let hex = '';
  for (const byte of random) hex += hexOfBytes[byte];
  const variant = ((Number.parseInt(hex.slice(3, 4), 16) & 0x3) | 0x8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
}
