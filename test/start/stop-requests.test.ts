import { expect } from 'chai';
import { EventEmitter } from 'node:events';
import { StopRequests } from '../../src/start/stop-requests.ts';

describe('requests to stop', () => {
  let nowMs: number;
  let source: EventEmitter;
  let requests: StopRequests;

  beforeEach(() => {
    nowMs = 1_000;
    source = new EventEmitter();
    requests = new StopRequests({ source, nowMs: () => nowMs });
    requests.listen();
  });

  for (const name of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'disconnect']) {
    it(`takes ${name} for a request`, () => {
      source.emit(name);
      expect(requests.requested.aborted).to.equal(true);
      expect(requests.requested.reason).to.equal(name);
      expect(requests.insisted.aborted).to.equal(false);
    });
  }

  it('takes signals within two seconds of the first for the same request', () => {
    source.emit('SIGINT');
    source.emit('SIGINT');
    nowMs += 2_000;
    source.emit('SIGHUP');
    expect(requests.insisted.aborted).to.equal(false);
    expect(requests.requested.reason).to.equal('SIGINT');
  });

  it('takes a signal more than two seconds after the first for insistence, whatever came between', () => {
    source.emit('SIGTERM');
    nowMs += 1_500;
    source.emit('SIGTERM');
    nowMs += 501;
    source.emit('SIGTERM');
    expect(requests.insisted.aborted).to.equal(true);
  });

  it('leaves signals their default effect before it listens and after disposal', () => {
    requests.listen();
    requests[Symbol.dispose]();
    expect(source.eventNames()).to.deep.equal([]);
    expect(new StopRequests({ source }).requested.aborted).to.equal(false);
    expect(source.eventNames()).to.deep.equal([]);
  });
});
