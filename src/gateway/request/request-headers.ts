import type { IncomingHttpHeaders } from 'node:http';

/** The headers of a request by their names in small letters; the values of one that was sent several times are joined by commas. */
export interface RequestHeaders {
  get(name: string): string | null;
  has(name: string): boolean;
}

/**
 * Shows a request's headers by their names in small letters, as Node has read them: nothing is copied, since most are never asked
 * for. HTTP/2's own, which begin with a colon, are not meant to be asked for.
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
