import { SpanStatusCode, trace, type Span, type SpanOptions, type Tracer } from '@opentelemetry/api';
import { VaultError, type VaultErrorCode } from '../vault/errors.ts';

/** By which the server, and not whoever called it, has failed. */
const failures: ReadonlySet<VaultErrorCode> = new Set(['unavailable', 'deadline_exceeded', 'secret_unreadable']);

/**
 * Works below a span of its own, where it is a part of something that is recorded; else it only works. Of a failure the span
 * has the code alone, since messages may quote what nobody should read.
 */
export function inSpan<Answer>(
  tracer: Tracer,
  { name, ...options }: SpanOptions & { readonly name: string },
  work: (span: Span | undefined) => Promise<Answer>,
): Promise<Answer> {
  if (!trace.getActiveSpan()?.isRecording()) return work(undefined);
  return tracer.startActiveSpan(name, options, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      const code = error instanceof VaultError ? error.code : undefined;
      span.setAttribute('error.type', code ?? '_OTHER');
      if (code === undefined || failures.has(code)) span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}
