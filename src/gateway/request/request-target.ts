import type { IncomingMessage } from 'node:http';

/** Without a user, which URLs of requests must not have, and without a fragment, which clients keep to themselves. */
const absoluteForm = /^https?:\/\/(?<authority>[^/?#@\s]+)(?<rest>[/?][^#\s]*)?$/i;

/**
 * Turns a request's target into a path with its query, as most clients send it. Clients that take the server for a proxy send
 * a whole URL, whose host then counts in place of the `Host` header's. Any other target stays as it is.
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
