import { expect } from 'chai';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { formatAuthority, ListenError } from '../../src/start/listen.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';

describe('the address that a Coffer listens on', () => {
  for (const host of ['::1', '[::1]']) {
    it(`is an origin that clients can call where COFFER_HOST is ${host}`, async () => {
      const coffer = await startCoffer({ environment: { COFFER_HOST: host } });
      try {
        expect(coffer.origin).to.match(/^http:\/\/\[::1\]:\d+$/);
        expect((await fetch(`${coffer.origin}/healthz`)).status).to.equal(200);
      } finally {
        await coffer.stop();
      }
    });
  }

  it('has brackets around IPv6 only', () => {
    expect(formatAuthority({ host: '::', port: 3978 })).to.equal('[::]:3978');
    expect(formatAuthority({ host: '127.0.0.1', port: 3978 })).to.equal('127.0.0.1:3978');
    expect(formatAuthority({ host: 'localhost', port: 80 })).to.equal('localhost:80');
  });

  it('is named so where it is taken', async () => {
    const other = createServer().listen(0, '::1');
    await once(other, 'listening');
    const port = portOf(other.address());
    const refused = await startCoffer({ environment: { COFFER_HOST: '[::1]', COFFER_PORT: String(port) } }).then(
      (coffer: TestCoffer) => coffer.stop(),
      (error: unknown) => error,
    );
    other.close();
    expect(refused).to.be.instanceOf(ListenError).and.have.property('message').that.contains(`[::1]:${port}, the port`);
  });
});

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}
