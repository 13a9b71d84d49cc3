import type { IncomingMessage } from 'node:http';

/** Without user information, which the URL of a request must not have, and without a fragment, which clients do not send. */
const absoluteForm = /^https?:\/\/(?<authority>[^/?#@\s]+)(?<rest>[/?][^#\s]*)?$/i;

/**
 * Converts the target of a request to its path and query. A client that takes the server for a proxy sends a whole URL, whose
 * host then replaces the `Host` header. Any other target is returned unchanged.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
 */
export function toOriginForm(request: IncomingMessage): string {
  const { url = '/' } = request;
  if (url.startsWith('/') || request.httpVersionMajor !== 1) return url;
  const { headers, method } = request;
  const { authority, rest = '' } = absoluteForm.exec(url)?.groups ?? {};
  if (authority === undefined) return url;
  if (headers.host !== undefined) headers.host = authority;
  if (rest === '' && method === 'OPTIONS') return '*';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** The most parameters that a query may have. */
export const parametersMax = 1_000;

/** A query, read no further than `parametersMax`. */
export interface BoundedQuery {
  readonly query: URLSearchParams;
  /** Whether it has more than 1,000 parameters, of which only the first were read. */
  readonly isQueryCut: boolean;
}

/** Reads a query, the text after the question mark. */
export function readQueryText(text: string): BoundedQuery {
  const end = endOfParameters(text);
  return { query: new URLSearchParams(text.slice(0, end)), isQueryCut: end < text.length };
}

/** Where the parameters end that are read. */
function endOfParameters(text: string): number {
  // A parameter takes one character at least, and one that separates it from the next.
  if (text.length < 2 * parametersMax) return text.length;
  let count = 0;
  for (let at = 0; at < text.length;) {
    const separator = text.indexOf('&', at);
    const end = separator === -1 ? text.length : separator;
    if (end > at) count += 1;
    if (count > parametersMax) return at;
    at = end + 1;
  }
  return text.length;
}

/** Percent-encoded bytes outside ASCII, and characters that need them. */
const notAscii = /%[89a-f]|[^\0-\x7f]/i;

/**
 * Finds the first parameter of a query that is not percent-encoded UTF-8, which URLSearchParams would replace by U+FFFD.
 *
 * @param query without its question mark
 * @returns the parameter's name, empty if the name itself is at fault
 */
export function findMisencodedParameter(query: string): string | undefined {
  if (!notAscii.test(query)) return undefined;
  const found = query.split('&').find((parameter) => !isUtf8(parameter));
  if (found === undefined) return undefined;
  const [name = ''] = found.split('=', 1);
  return isUtf8(name) ? (new URLSearchParams(name).keys().next().value ?? '') : '';
}

function isUtf8(text: string): boolean {
  if (!notAscii.test(text)) return true;
  const isAscii = Buffer.byteLength(text) === text.length;
  return isAscii && (text.match(/(?:%[\da-f]{2})+/gi) ?? []).every(isDecodable);
}

function isDecodable(escapes: string): boolean {
  try {
    decodeURIComponent(escapes);
    return true;
  } catch {
    return false;
  }
}
