import { expect } from 'chai';
import { once } from 'node:events';
import { connect as connectInClear, createServer as createClearServer, type AddressInfo, type Server } from 'node:net';
import { createServer, connect, type TlsOptions, type TLSSocket } from 'node:tls';
import { peerCertificateOf } from '../../../src/gateway/request/request-log.ts';
import { createAuthority, type Identity } from '../certificates.ts';

const authority = createAuthority();
const stranger = createAuthority('Another authority');
const server = authority.issue('server');
const asking: TlsOptions = { ca: authority.certificate, requestCert: true };

describe('the certificate of a peer', () => {
  it('is the one that its authority has issued', async () => {
    const client = authority.issue('client', { names: ['URI:spiffe://example.org/billing'] });
    const certificate = await certificateSeenBy(asking, client);
    expect(certificate?.subjectAltName).to.equal('URI:spiffe://example.org/billing');
  });

  for (const [title, options, client] of [
    ['was issued by another authority', asking, stranger.issue('client')],
    ['has ended', asking, authority.issue('client', { notAfter: new Date('2021-01-01') })],
    ['bears the name of the authority, which has not signed it', asking, createAuthority().issue('client')],
    ['was not asked for', {}, authority.issue('client')],
    ['is not there', asking, undefined],
  ] as const) {
    it(`is none where it ${title}, even if such a connection is admitted`, async () => {
      expect(await certificateSeenBy({ ...options, rejectUnauthorized: false }, client)).to.equal(undefined);
    });
  }

  it('is none in clear', async () => {
    await using listening = await listen(createClearServer());
    const [[socket]] = await Promise.all([
      once(listening.server, 'connection'),
      once(connectInClear(listening.port, '127.0.0.1').unref(), 'connect'),
    ]);
    expect(peerCertificateOf(socket)).to.equal(undefined);
    socket.destroy();
  });
});

/** What a server makes of the certificate that a client shows it in the handshake. */
async function certificateSeenBy(options: TlsOptions, client: Identity | undefined) {
  const listening = await listen(createServer({ ...options, cert: server.certificate, key: server.privateKey }));
  try {
    const connected: Promise<[TLSSocket]> = once(listening.server, 'secureConnection').then(([socket]) => [socket]);
    const own = client && { cert: client.certificate, key: client.privateKey };
    const peer = connect({ port: listening.port, host: '127.0.0.1', ca: authority.certificate, ...own });
    peer.on('error', () => undefined);
    const [socket] = await connected;
    const certificate = peerCertificateOf(socket);
    socket.destroy();
    peer.destroy();
    return certificate;
  } finally {
    await listening[Symbol.asyncDispose]();
  }
}

async function listen(listener: Server) {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = portOf(listener);
  return {
    server: listener,
    port,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await once(listener, 'close');
    },
  };
}

function portOf(listener: Server): AddressInfo {
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen on a port');
  return address;
}
