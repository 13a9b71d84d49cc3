import type { Transport } from '@connectrpc/connect';
import { InvalidArgumentError } from '../errors/errors.ts';

/** What a transport needs to reach a server. */
export interface Endpoint {
  /** Without a slash at the end. */
  readonly baseUrl: string;
}

/** Makes a transport. */
export type TransportFactory = (endpoint: Endpoint) => Transport;

/**
 * The base URL of an address.
 *
 * @throws InvalidArgumentError for anything but an http or https URL without a user, a password, a query or a fragment
 */
export function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new InvalidArgumentError('url: an http or https URL is required', { code: 'invalid_argument' });
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new InvalidArgumentError('url: no user, password, query or fragment is allowed', {
      code: 'invalid_argument',
    });
  }
  return url.href.replace(/\/+$/, '');
}
