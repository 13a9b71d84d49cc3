import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { VaultError, type VaultErrorCode } from '../../vault/errors.ts';
import type { Authentication, RequestAuthenticator } from '../admission/authenticate.ts';
import { logTokenFailure } from '../admission/denial-observer.ts';
import type { RestAnswer } from '../contract/dialect.ts';
import type { Exchange } from '../contract/exchange.ts';
import { plainAnswer } from '../errors/rest-problems.ts';
import type { CallRegistry } from '../request/call-registry.ts';
import { headersByName } from '../request/request-headers.ts';

/** What serving metrics needs. */
export interface MetricsParts {
  readonly registry: Registry;
  readonly calls: CallRegistry;
  readonly authenticator: RequestAuthenticator;
  readonly isMetricsToken: IsMetricsToken;
  readonly exchangeOf: (request: FastifyRequest) => Exchange | undefined;
  readonly log: Logger;
}

/** The HTTP statuses of failures other than missing or invalid authentication. */
const statuses: Partial<Record<VaultErrorCode, number>> = { resource_exhausted: 429, unavailable: 503, canceled: 503 };

/**
 * Serves `/metrics` in the Prometheus text format to local callers and to callers with the metrics token, both without the
 * database, and to owners of the instance.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function serveMetrics(fastify: FastifyInstance, parts: MetricsParts): void {
  const { calls, registry, exchangeOf } = parts;
  fastify.get('/metrics', async (request, reply) => {
    const refusal = await refuse(parts, request, exchangeOf(request), calls.beginWith(reply, Infinity).signal);
    if (!refusal) return reply.type(registry.contentType).send(await registry.metrics());
    return reply
      .code(refusal.status)
      .headers(refusal.headers ?? {})
      .send(refusal.body);
  });
}

/** @returns undefined for callers that may read metrics */
async function refuse(
  { isMetricsToken, authenticator, log }: MetricsParts,
  request: FastifyRequest,
  exchange: Exchange | undefined,
  signal: AbortSignal,
): Promise<RestAnswer | undefined> {
  if (!exchange) return plainAnswer(500, 'internal', 'internal error');
  if (exchange.isLocal) return undefined;
  if (!exchange.hasSeveralAuthorizations && isMetricsToken(request.headers.authorization)) {
    exchange.connection?.markAuthenticated();
    return undefined;
  }
  const headers = headersByName(request.raw.headers);
  const authentication = await authenticator.authenticate({ exchange, headers, signal });
  if (authentication.caller?.isOwner) return undefined;
  if (authentication.refusal instanceof VaultError) logTokenFailure(log, exchange.requestId, authentication.refusal);
  return refusalOf(authentication);
}

function refusalOf({ caller, refusal }: Authentication): RestAnswer {
  if (caller) return plainAnswer(403, 'permission_denied', 'only owners of the instance may read metrics');
  if (refusal !== undefined && !(refusal instanceof VaultError)) throw refusal;
  const status = refusal && statuses[refusal.code];
  if (refusal && status !== undefined) {
    const { retryAfterMs } = refusal.details;
    const headers = retryAfterMs !== undefined && { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) };
    return { ...plainAnswer(status, refusal.code, refusal.message), ...(headers && { headers }) };
  }
  return { ...plainAnswer(401, 'unauthenticated', 'Not authenticated'), headers: { 'www-authenticate': 'Bearer' } };
}

/** Whether an `Authorization` header holds the metrics token. */
export type IsMetricsToken = (authorization: string | undefined) => boolean;

/**
 * Creates the check of the metrics token, which compares in constant time and works while the database is unavailable.
 *
 * @param token null where no token is configured, so that no header matches
 */
export function createMetricsTokenCheck(token: string | null): IsMetricsToken {
  if (token === null) return () => false;
  const expected = digest(token);
  return (authorization = '') => {
    const given = /^bearer +(\S+)$/i.exec(authorization)?.[1];
    return given !== undefined && timingSafeEqual(digest(given), expected);
  };
}

/** `timingSafeEqual` requires values of the same length. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
