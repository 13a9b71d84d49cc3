import { expect } from 'chai';
import { isLocalRequest, isLocalServer } from '../../../src/gateway/request/local-request.ts';
import { requestIdOf } from '../../../src/gateway/request/request-headers.ts';

describe('a request id', () => {
  it('is X-Request-ID, before X-Correlation-ID', () => {
    expect(requestIdOf({ 'x-request-id': 'a-1', 'x-correlation-id': 'b-2' })).to.equal('a-1');
  });
  it('is X-Correlation-ID where the other is absent', () => {
    expect(requestIdOf({ 'x-correlation-id': 'b-2' })).to.equal('b-2');
  });
  it('is a fresh UUID where there is neither', () => {
    expect(requestIdOf({})).to.match(/^[0-9a-f-]{36}$/);
    expect(requestIdOf({})).not.to.equal(requestIdOf({}));
  });
  it('may be 128 characters long', () => {
    expect(requestIdOf({ 'x-request-id': 'a'.repeat(128) })).to.have.length(128);
  });
  for (const id of ['', 'a'.repeat(129), 'a b', 'a"b', 'a\tb', 'é', 'a,b', 'a;b', '{{7*7}}', '<b>']) {
    it(`is not taken from the malformed ${JSON.stringify(id.slice(0, 10))}`, () => {
      expect(requestIdOf({ 'x-request-id': id })).to.match(/^[0-9a-f-]{36}$/);
    });
  }
});

describe('a request', () => {
  const local = { socketAddress: '127.0.0.1', peer: '127.0.0.1', headers: {}, host: 'localhost:3978' };

  const localOnes = {
    'over IPv4': local,
    'over IPv6': { ...local, socketAddress: '::1', peer: '::1', host: '[::1]:3978' },
    'over IPv4 mapped into IPv6': { ...local, socketAddress: '::ffff:127.0.0.1', peer: '::ffff:127.0.0.1' },
    'to a loopback address': { ...local, host: '127.0.0.1:3978' },
    'without a port': { ...local, host: 'LOCALHOST' },
    'of a page of the same origin': { ...local, headers: { origin: 'http://localhost:3978' } },
  };
  for (const [title, origin] of Object.entries(localOnes)) {
    it(`is local ${title}`, () => expect(isLocalRequest(origin)).to.equal(true));
  }

  const foreignOnes = {
    'from another machine': { ...local, socketAddress: '192.0.2.1', peer: '192.0.2.1' },
    'through a trusted proxy on this machine': { ...local, peer: '192.0.2.1' },
    'from nowhere': { ...local, socketAddress: undefined },
    'to another host': { ...local, host: 'vault.example.com' },
    'to a host that only begins well': { ...local, host: 'localhost.example.com' },
    'to an address that only begins well': { ...local, host: '127.0.0.1.example.com' },
    'without a host': { ...local, host: undefined },
    'with X-Forwarded-For': { ...local, headers: { 'x-forwarded-for': '127.0.0.1' } },
    'with X-Forwarded-Host': { ...local, headers: { 'x-forwarded-host': 'localhost' } },
    'with Forwarded': { ...local, headers: { forwarded: 'for=127.0.0.1' } },
    'to a name in brackets that is none': { ...local, host: '[evil.example]' },
    ...Object.fromEntries(
      ['x-forwarded-proto', 'x-forwarded', 'x-real-ip', 'true-client-ip', 'x-client-ip', 'cf-connecting-ip', 'cf-ray']
        .concat('x-original-forwarded-for', 'x-original-host')
        .map((name) => [`with ${name}`, { ...local, headers: { [name]: '127.0.0.1' } }]),
    ),
    'with Via': { ...local, headers: { via: '1.1 proxy' } },
    'of a page of another port': { ...local, headers: { origin: 'http://localhost:5173' } },
    'of a page of another site': { ...local, headers: { origin: 'https://evil.example' } },
    'of a page without an origin': { ...local, headers: { origin: 'null' } },
  };
  for (const [title, origin] of Object.entries(foreignOnes)) {
    it(`is not local ${title}`, () => expect(isLocalRequest(origin)).to.equal(false));
  }
});

describe('a server', () => {
  const local = { host: '127.0.0.1' };

  for (const host of ['127.0.0.1', '127.8.8.8', 'localhost', '::1']) {
    it(`on ${host} may be called locally`, () => expect(isLocalServer({ ...local, host })).to.equal(true));
  }

  it('that trusts no proxy may be called locally', () => {
    expect(isLocalServer({ ...local, trustedProxies: [] })).to.equal(true);
  });

  const reachable = {
    'on all addresses': { ...local, host: '0.0.0.0' },
    'on all addresses of IPv6': { ...local, host: '::' },
    'on an address of the network': { ...local, host: '192.0.2.1' },
    'with a name': { ...local, host: 'vault.example.com' },
    'with TLS': { ...local, tls: {} },
    'behind a proxy that it trusts': { ...local, trustedProxies: ['127.0.0.1'] },
  };
  for (const [title, server] of Object.entries(reachable)) {
    it(`${title} never takes a call for local`, () => expect(isLocalServer(server)).to.equal(false));
  }
});
