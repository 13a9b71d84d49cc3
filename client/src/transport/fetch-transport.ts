import type { Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import type { Endpoint } from './endpoint.ts';

/** Connect over `fetch`: for Node, browsers, and every other runtime that has it. Redirects are errors. */
export function createFetchTransport({ baseUrl }: Endpoint): Transport {
  return createConnectTransport({ baseUrl, useBinaryFormat: true });
}
