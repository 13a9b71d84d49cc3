import { expect } from 'chai';
import { clientSpanOf, traceIdOf } from '../../../src/gateway/request/request-span.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = '00f067aa0ba902b7';

describe('the context of a trace', () => {
  for (const [title, traceparent] of [
    ['sampled', `00-${trace}-${parent}-01`],
    ['not sampled', `00-${trace}-${parent}-00`],
    ['of a later version', `01-${trace}-${parent}-01`],
    ['of a later version that says more', `cc-${trace}-${parent}-01-what-the-future-brings`],
  ] as const) {
    it(`is taken where it is ${title}`, () => {
      expect(traceIdOf({ traceparent })).to.equal(trace);
    });
  }

  for (const [title, traceparent] of [
    ['absent', undefined],
    ['empty', ''],
    ['of the version that can not be', `ff-${trace}-${parent}-01`],
    ['of this version and says more', `00-${trace}-${parent}-01-more`],
    ['of a later version and goes on without a dash', `01-${trace}-${parent}-01more`],
    ['of a trace of zeros', `00-${'0'.repeat(32)}-${parent}-01`],
    ['of a parent of zeros', `00-${trace}-${'0'.repeat(16)}-01`],
    ['in capitals', `00-${trace.toUpperCase()}-${parent}-01`],
    ['too short', `00-${trace.slice(1)}-${parent}-01`],
    ['without flags', `00-${trace}-${parent}`],
    ['followed by a line', `00-${trace}-${parent}-01\n`],
    ['sent twice', `00-${trace}-${parent}-01, 00-${trace}-${parent}-01`],
    ['endless', `01-${trace}-${parent}-01-${'x'.repeat(512)}`],
  ] as const) {
    it(`is not believed where it is ${title}`, () => {
      expect(traceIdOf({ ...(traceparent !== undefined && { traceparent }) })).to.equal(undefined);
    });
  }

  for (const [flags, traceFlags] of [
    ['00', 0],
    ['01', 1],
    ['03', 1],
    ['fe', 0],
  ] as const) {
    it(`is sampled according to the last bit of the flags ${flags}`, () => {
      const span = clientSpanOf({ traceparent: `00-${trace}-${parent}-${flags}` });
      expect(span).to.deep.equal({ traceId: trace, spanId: parent, traceFlags, isRemote: true });
    });
  }

  it('has the state of the trace, as far as that is well-formed', () => {
    const traceparent = `00-${trace}-${parent}-01`;
    const stateOf = (tracestate: string) => clientSpanOf({ traceparent, tracestate })?.traceState?.serialize();
    expect(stateOf('rojo=1,congo=2')).to.equal('rojo=1,congo=2');
    expect(stateOf('rojo=1,no member, UPPER=2,congo=3')).to.equal('rojo=1,congo=3');
    expect(stateOf(`rojo=${'1'.repeat(600)}`)).to.equal('');
  });

  it('has no state without a parent', () => {
    expect(clientSpanOf({ tracestate: 'rojo=1' })).to.equal(undefined);
    expect(clientSpanOf({ traceparent: `00-${trace}-${'0'.repeat(16)}-01`, tracestate: 'rojo=1' })).to.equal(undefined);
  });
});
