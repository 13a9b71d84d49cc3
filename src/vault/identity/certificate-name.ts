/** The longest name, in characters: that of a SPIFFE ID. */
export const certificateNameCharactersMax = 2_048;

/** Each kind of name with what it may look like. Commas, quotes and wildcards have no place in the name of one caller. */
const patterns = {
  URI: /^[A-Za-z][A-Za-z0-9+.-]*:[\x21\x23-\x26\x28-\x2b\x2d-\x5b\x5d-\x7e]+$/,
  DNS: /^(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*$/,
} as const;

/**
 * Reads a subject alternative name that a certificate's holder may be known by, `URI:spiffe://…` or `DNS:…`; anything else is
 * undefined. Equal names are spelt alike: those of hosts in lower case.
 *
 * @see https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6
 */
export function parseCertificateName(text: string): string | undefined {
  if (text.length > certificateNameCharactersMax) return undefined;
  const value = text.slice('URI:'.length);
  if (text.startsWith('URI:') && patterns.URI.test(value)) return text;
  if (text.startsWith('DNS:') && patterns.DNS.test(value)) return text.toLowerCase().replace('dns:', 'DNS:');
  return undefined;
}
