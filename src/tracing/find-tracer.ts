import { ProxyTracerProvider, trace, type Tracer } from '@opentelemetry/api';
import type { Logger } from 'pino';

/** Where every copy of OpenTelemetry's API, of whatever version, keeps what has been registered with it. */
const registered = Symbol.for('opentelemetry.js.api.1');

/**
 * The tracer of the SDK that was registered before Coffer started; undefined where there is none, so that nothing is done for
 * one.
 *
 * @param log is warned of an SDK whose copy of the API is older than ours, which would trace nothing and not say so
 */
export function findTracer(log: Logger): Tracer | undefined {
  const provider = trace.getTracerProvider();
  // A provider that has nobody behind it yet gives tracers that do nothing.
  const tracer =
    provider instanceof ProxyTracerProvider ? provider.getDelegateTracer('coffer') : provider.getTracer('coffer');
  const isRegistered = Object.hasOwn(Object(Reflect.get(globalThis, registered)), 'trace');
  if (!tracer && isRegistered) {
    log.warn({}, 'nothing is traced: the OpenTelemetry SDK uses an older version of @opentelemetry/api than Coffer');
  }
  return tracer;
}
