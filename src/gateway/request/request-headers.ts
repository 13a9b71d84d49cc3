import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** The headers of a request by their names in lower case; a header sent several times has its values joined by commas. */
export interface RequestHeaders {
  get(name: string): string | null;
  has(name: string): boolean;
}

/**
 * Presents headers as Node has read them. Nothing is copied, because most are never asked for. The pseudo-headers of HTTP/2,
 * which begin with a colon, are not meant to be asked for.
 */
export function headersByName(headers: IncomingHttpHeaders): RequestHeaders {
  return {
    get(name) {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : (value ?? null);
    },
    has: (name) => headers[name] !== undefined,
  };
}

/** Printable ASCII without spaces, quotes and what could end a line or a header. */
const requestIdPattern = /^[A-Za-z0-9._:/+=@~-]{1,128}$/;

/** `X-Request-ID`, else `X-Correlation-ID`, else a fresh UUID. A value that is too long or has other characters is ignored. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = [headers['x-request-id'], headers['x-correlation-id']];
  const id = given.find((value) => typeof value === 'string' && requestIdPattern.test(value));
  return typeof id === 'string' ? id : randomUUID();
}

/** `Host`, or `:authority` of HTTP/2. */
export function hostOf({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const authority = headers[':authority'];
  return typeof authority === 'string' ? authority : headers.host;
}

/**
 * Whether a request names more than one host, so that a proxy may have read another one than this server.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1
 */
export function hasSeveralHosts(request: IncomingMessage): boolean {
  const { host } = request.headers;
  const isContradicted = host !== undefined && host.toLowerCase() !== hostOf(request)?.toLowerCase();
  return countHeader(request, 'host') > 1 || isContradicted;
}

/** Whether a request has more than one `Authorization`, of which Node exposes only the first. */
export function hasSeveralAuthorizations(request: Pick<IncomingMessage, 'rawHeaders'>): boolean {
  return countHeader(request, 'authorization') > 1;
}

function countHeader({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>, name: string): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const text = rawHeaders[index];
    if (text?.length === name.length && text.toLowerCase() === name) count += 1;
  }
  return count;
}
