import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { describeUnknownError } from '../errors/unknown-error.ts';
import { isLocalRequest, isLocalServer } from '../request/local-request.ts';
import { hasSeveralAuthorizations, hostOf } from '../request/request-headers.ts';
import { healthAnswer, readinessAnswer, type Readiness } from './readiness.ts';
import type { IsMetricsToken } from './serve-metrics.ts';

/** What a management listener needs. */
export interface ManagementParts {
  /** The address to listen on; except on a loopback address, metrics require the token. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly readiness: Readiness;
  readonly registry: Registry;
  readonly isMetricsToken: IsMetricsToken;
  readonly log: Logger;
}

/** A second listener, without TLS, for `/healthz`, `/readyz` and `/metrics` only. */
export interface Management {
  /** Begins to listen; returns the address. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

type Route = (request: IncomingMessage) => Answer | Promise<Answer>;

/** Probes and scrapers are few and fast. */
const connectionsMax = 64;
const bounds = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8_192,
} as const;
/** The longest time without any byte in either direction, such as with a client that does not read. */
const idleMs = 15_000;

/** Creates a management listener; it does not listen yet. */
export function createManagement(parts: ManagementParts): Management {
  const { host, port } = parts;
  const answer = createAnswers(parts);
  const server = createServer(bounds, (request, response) => {
    void answer(request).then((found) => send(request, response, found));
  });
  server.maxConnections = connectionsMax;
  server.timeout = idleMs;
  return {
    async listen() {
      server.listen(port, host);
      await once(server, 'listening');
      return addressOf(server);
    },
    async close() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function createAnswers(parts: ManagementParts): (request: IncomingMessage) => Promise<Answer> {
  const routes = new Map<string, Route>([
    ['/healthz', () => asJson(healthAnswer())],
    ['/readyz', () => asJson(readinessAnswer(parts.readiness))],
    ['/metrics', (request) => readMetrics(parts, request)],
  ]);
  return async (request) => {
    const route = routes.get((request.url ?? '').split('?', 1)[0] ?? '');
    if (!route) return asJson({ status: 404, body: { error: 'not found' } });
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return { ...asJson({ status: 405, body: { error: 'method not allowed' } }), headers: { allow: 'GET, HEAD' } };
    }
    try {
      return await route(request);
    } catch (error) {
      parts.log.error({ error: describeUnknownError(error) }, 'internal error');
      return asJson({ status: 500, body: { error: 'internal error' } });
    }
  };
}

async function readMetrics(parts: ManagementParts, request: IncomingMessage): Promise<Answer> {
  const { registry } = parts;
  if (mayRead(parts, request)) return { status: 200, type: registry.contentType, body: await registry.metrics() };
  return {
    ...asJson({ status: 401, body: { error: 'Not authenticated' } }),
    headers: { 'www-authenticate': 'Bearer' },
  };
}

/** Besides the address, the request must be local: a page can reach a loopback address by a domain name (DNS rebinding). */
function mayRead({ host, isMetricsToken }: ManagementParts, request: IncomingMessage): boolean {
  const { headers, socket } = request;
  const peer = socket.remoteAddress;
  const isLocal = isLocalServer({ host }) && peer !== undefined;
  if (isLocal && isLocalRequest({ socketAddress: peer, peer, headers, host: hostOf(request) })) return true;
  return !hasSeveralAuthorizations(request) && isMetricsToken(headers.authorization);
}

function asJson({ status, body }: { readonly status: number; readonly body: object }): Answer {
  return { status, body: JSON.stringify(body) };
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const { body, headers = {}, status, type = 'application/json' } = answer;
  // Bodies are not read, so that the connection cannot be reused after one.
  const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length']) > 0;
  response.writeHead(status, {
    ...headers,
    ...(hasBody && { connection: 'close' }),
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
    'content-type': type,
    'x-content-type-options': 'nosniff',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function addressOf(server: Server): { readonly host: string; readonly port: number } {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the management listener has no address');
  return { host: address.address, port: address.port };
}
