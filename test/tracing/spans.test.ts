import { trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { pino } from 'pino';
import { Writable } from 'node:stream';
import { findTracer } from '../../src/tracing/spans.ts';
import { MemoryTracing } from '../support/memory-tracing.ts';

const registered = Symbol.for('opentelemetry.js.api.1');

describe('finding a tracer', () => {
  let logged = '';
  const log = pino(new Writable({ write: (chunk, _, done) => ((logged += String(chunk)), done()) }));
  const tracing = new MemoryTracing(() => undefined);
  beforeEach(() => (logged = ''));

  it('finds none where no SDK has been registered, and logs nothing', () => {
    expect(findTracer(log)).to.equal(undefined);
    trace.getTracer('something else');
    expect(findTracer(log)).to.equal(undefined);
    expect(logged).to.equal('');
  });

  it('finds the one of the SDK that has been registered, for as long as it is', () => {
    {
      using _ = tracing.register();
      expect(findTracer(log)?.startSpan('any').isRecording()).to.equal(true);
    }
    expect(findTracer(log)).to.equal(undefined);
    expect(logged).to.equal('');
  });

  it('warns of an SDK that an older version of the API hides', () => {
    const before: unknown = Reflect.get(globalThis, registered);
    try {
      Reflect.set(globalThis, registered, { version: '1.9.0', trace: tracing });
      expect(findTracer(log)).to.equal(undefined);
    } finally {
      Reflect.set(globalThis, registered, before);
    }
    expect(logged).to.contain('older version of @opentelemetry/api');
  });
});
