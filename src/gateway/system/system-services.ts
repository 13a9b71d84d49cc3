import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { Health } from '../../../gen/health/v1/health_pb.ts';
import { tooManyInFlight } from '../admission/forwarded-calls.ts';
import type { Dialect } from '../contract/dialect.ts';
import { exchangeKey } from '../contract/exchange.ts';
import { connectErrorOf } from '../errors/connect-errors.ts';
import { registerHealth } from './health.ts';
import { publicStreamMsDefault } from './public-stream.ts';
import type { Readiness } from './readiness.ts';
import { registerReflection } from './reflection.ts';

/** What health and reflection need. */
export interface SystemServiceParts {
  readonly dialects: readonly Dialect[];
  readonly readiness: Readiness;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
  /** The longest duration of their streams, in milliseconds. */
  readonly publicStreamMs?: number;
}

/** Serves health and reflection for the services of all dialects. */
export function registerSystemServices(router: ConnectRouter, parts: SystemServiceParts): void {
  const { dialects, readiness, stopping, publicStreamMs: streamMs = publicStreamMsDefault } = parts;
  const parents = [
    ...dialects.flatMap(({ rpcs }) => rpcs.map(({ method }) => method.parent)),
    ...dialects.flatMap(({ streams = [] }) => streams.map(({ method }) => method.parent)),
  ];
  const services = [...new Set(parents)];
  registerHealth(router, { services: services.map(({ typeName }) => typeName), readiness, stopping, streamMs });
  registerReflection(router, [...services, Health], { stopping, streamMs });
}

/**
 * Limits the calls of health and reflection, which require no authentication.
 *
 * @throws ConnectError `resource_exhausted` where too many calls of the address are in flight
 */
export function rejectCrowdedCall({ values }: HandlerContext): void {
  if (values.get(exchangeKey)?.isCrowded) throw connectErrorOf(tooManyInFlight());
}
