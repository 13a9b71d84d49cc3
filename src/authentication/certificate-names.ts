import type { X509Certificate } from 'node:crypto';
import { parseCertificateName } from '../vault/identity/certificate-name.ts';

/** The most names of one certificate that are looked up. */
export const certificateNamesMax = 8;

/**
 * One entry, such as `DNS:localhost`. Node quotes, as JSON does, every value that holds a comma, a quote or a control
 * character, so that a value can't pass for several entries.
 */
const entryPattern = /[A-Za-z0-9 ]+:(?:"(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/gy;

/**
 * The names by which a certificate's holder may be known: first those that are URIs, then those of hosts, each in the
 * certificate's order. A list that can't be read to its end, and a certificate with too many of them, has none.
 *
 * @see https://nodejs.org/api/crypto.html#x509subjectaltname and CVE-2021-44532
 */
export function certificateNames({ subjectAltName }: Pick<X509Certificate, 'subjectAltName'>): readonly string[] {
  const entries = splitEntries(subjectAltName ?? '') ?? [];
  const names = entries.map(parseCertificateName).filter((name) => name !== undefined);
  const [uris, hosts] = ['URI:', 'DNS:'].map((kind) => names.filter((name) => name.startsWith(kind)));
  const distinct = [...new Set([...(uris ?? []), ...(hosts ?? [])])];
  return distinct.length > certificateNamesMax ? [] : distinct;
}

/** Quoted values keep their quotes, and so are no name that anybody can be known by. */
function splitEntries(text: string): readonly string[] | undefined {
  const entries = Array.from(text.matchAll(entryPattern), ([entry]) => entry);
  return entries.join('') === text ? entries.map((entry) => entry.replace(/, $/, '')) : undefined;
}
