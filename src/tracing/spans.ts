import {
  ProxyTracerProvider,
  SpanStatusCode,
  trace,
  type Span,
  type SpanOptions,
  type Tracer,
} from '@opentelemetry/api';
import type { Logger } from 'pino';
import { VaultError, type VaultErrorCode } from '../vault/errors.ts';

/** The global under which every copy of OpenTelemetry's API, of any version, registers its providers. */
const registered = Symbol.for('opentelemetry.js.api.1');

/** Codes that mean a failure of the server, not of its caller. */
const serverFailures: ReadonlySet<VaultErrorCode> = new Set(['unavailable', 'deadline_exceeded', 'secret_unreadable']);

/**
 * Finds the tracer of the SDK that was registered before Coffer started.
 *
 * @param log receives a warning where the SDK has an older copy of the API than Coffer, and would silently trace nothing
 * @returns undefined where there is no SDK, so that tracing then costs nothing
 */
export function findTracer(log: Logger): Tracer | undefined {
  const provider = trace.getTracerProvider();
  // A proxy without a delegate would return a tracer that does nothing.
  const tracer =
    provider instanceof ProxyTracerProvider ? provider.getDelegateTracer('coffer') : provider.getTracer('coffer');
  const isRegistered = Object.hasOwn(Object(Reflect.get(globalThis, registered)), 'trace');
  if (!tracer && isRegistered) {
    log.warn({}, 'nothing is traced: the OpenTelemetry SDK uses an older version of @opentelemetry/api than Coffer');
  }
  return tracer;
}

/**
 * Runs the work in a child span where the active span is recorded; otherwise it only runs the work. Of a failure, the span
 * gets only the code, since messages may quote confidential values.
 */
export function inSpan<Result>(
  tracer: Tracer,
  { name, ...options }: SpanOptions & { readonly name: string },
  work: (span: Span | undefined) => Promise<Result>,
): Promise<Result> {
  if (!trace.getActiveSpan()?.isRecording()) return work(undefined);
  return tracer.startActiveSpan(name, options, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      const code = error instanceof VaultError ? error.code : undefined;
      span.setAttribute('error.type', code ?? '_OTHER');
      if (code === undefined || serverFailures.has(code)) span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}
