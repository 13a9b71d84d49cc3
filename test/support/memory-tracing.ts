import { context, propagation, ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import type {
  Attributes,
  AttributeValue,
  Context,
  ContextManager,
  Span,
  SpanContext,
  SpanOptions,
  SpanStatus,
  TextMapPropagator,
  Tracer,
  TracerProvider,
} from '@opentelemetry/api';
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';

/** A span that has ended, as an SDK would have exported it. */
export interface EndedSpan {
  readonly name: string;
  readonly kind: number | undefined;
  readonly context: SpanContext;
  readonly parent: SpanContext | undefined;
  readonly attributes: Attributes;
  readonly status: SpanStatus;
}

/** A small SDK for OpenTelemetry's API, without an exporter: it samples as the parent does, and else always. */
export class MemoryTracing implements TracerProvider {
  readonly #onEnd: (span: EndedSpan) => void;

  /** @param onEnd told of every span that has ended */
  constructor(onEnd: (span: EndedSpan) => void) {
    this.#onEnd = onEnd;
  }

  /** Registers itself as the process's own, until it is disposed of. */
  register(): Disposable {
    trace.setGlobalTracerProvider(this);
    context.setGlobalContextManager(new AsyncContexts());
    propagation.setGlobalPropagator(traceContext);
    return {
      [Symbol.dispose]() {
        trace.disable();
        context.disable();
        propagation.disable();
      },
    };
  }

  getTracer(): Tracer {
    const startSpan = (name: string, options: SpanOptions = {}, parent = context.active()): Span => {
      const above = options.root ? undefined : trace.getSpanContext(parent);
      const isSampled = above === undefined || (above.traceFlags & TraceFlags.SAMPLED) !== 0;
      const spanContext = {
        traceId: above?.traceId ?? randomBytes(16).toString('hex'),
        spanId: randomBytes(8).toString('hex'),
        traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
        ...(above?.traceState && { traceState: above.traceState }),
      };
      if (!isSampled) return trace.wrapSpanContext(spanContext);
      const { kind, attributes = {} } = options;
      const status = { code: SpanStatusCode.UNSET };
      return new MemorySpan({ name, kind, context: spanContext, parent: above, attributes, status }, this.#onEnd);
    };
    return {
      startSpan,
      startActiveSpan(name: string, ...rest: unknown[]) {
        const work = rest.at(-1);
        const span = startSpan(name, rest.length > 1 ? Object(rest[0]) : {});
        if (typeof work !== 'function') throw new TypeError('there is nothing to do');
        return context.with(trace.setSpan(context.active(), span), () => Reflect.apply(work, undefined, [span]));
      },
    };
  }
}

class MemorySpan implements Span {
  #ended: EndedSpan;
  #isRecording = true;
  readonly #onEnd: (span: EndedSpan) => void;

  constructor(begun: EndedSpan, onEnd: (span: EndedSpan) => void) {
    this.#ended = begun;
    this.#onEnd = onEnd;
  }

  spanContext(): SpanContext {
    return this.#ended.context;
  }

  setAttribute(key: string, value: AttributeValue): this {
    return this.setAttributes({ [key]: value });
  }

  setAttributes(attributes: Attributes): this {
    return this.#change({ attributes: { ...this.#ended.attributes, ...attributes } });
  }

  setStatus(status: SpanStatus): this {
    return this.#change({ status });
  }

  updateName(name: string): this {
    return this.#change({ name });
  }

  end(): void {
    if (!this.#isRecording) throw new Error('a span has ended twice');
    this.#isRecording = false;
    this.#onEnd(this.#ended);
  }

  isRecording(): boolean {
    return this.#isRecording;
  }

  addEvent(): this {
    return this;
  }

  addLink(): this {
    return this;
  }

  addLinks(): this {
    return this;
  }

  recordException(): void {
    throw new Error('the message of an exception may quote what is secret');
  }

  #change(change: Partial<EndedSpan>): this {
    if (!this.#isRecording) throw new Error('a span has changed after its end');
    this.#ended = { ...this.#ended, ...change };
    return this;
  }
}

class AsyncContexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();

  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }

  with<A extends unknown[], F extends (...parameters: A) => ReturnType<F>>(
    within: Context,
    work: F,
    self?: ThisParameterType<F>,
    ...parameters: A
  ): ReturnType<F> {
    return this.#storage.run(within, () => Reflect.apply(work, self, parameters));
  }

  bind<T>(_within: Context, target: T): T {
    return target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    this.#storage.disable();
    return this;
  }
}

const traceContext: TextMapPropagator = {
  inject(within, carrier, setter) {
    const own = trace.getSpanContext(within);
    if (!own) return;
    setter.set(carrier, 'traceparent', `00-${own.traceId}-${own.spanId}-0${own.traceFlags}`);
    if (own.traceState) setter.set(carrier, 'tracestate', own.traceState.serialize());
  },
  extract: (within) => within,
  fields: () => ['traceparent', 'tracestate'],
};
