import { expect } from 'chai';
import { secretText, startGateway, workspaceId } from '../library.ts';

const path = `/v1/shelves/${workspaceId}/books`;

describe('the log', () => {
  it('has one line a request, which contains no value of it', async () => {
    await using running = await startGateway();
    const logged = running.nextLine(({ msg }) => msg === 'request');
    const headers = {
      authorization: 'Bearer editor',
      'x-request-id': 'R-1',
      'x-secret': secretText,
      cookie: secretText,
    };
    const sent = { title: 'T', text: secretText, subtitle: secretText.repeat(2) };
    const response = await fetch(`${running.origin}${path}?q=${secretText}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(sent),
    });
    expect(response.status).to.equal(422);
    const line = await logged;
    expect(line).to.deep.include({
      requestId: 'R-1',
      method: 'POST',
      route: '/v1/shelves/{shelf}/books',
      status: 422,
      protocol: 'rest',
      dialect: 'library',
      peer: '127.0.0.1',
    });
    expect(line['durationMs']).to.be.a('number');
    const text = JSON.stringify(running.lines);
    for (const hidden of [secretText, 'Bearer', 'editor', workspaceId]) expect(text).not.to.contain(hidden);
    expect(running.lines).to.have.length(1);
  });

  it('contains the code of an rpc that failed', async () => {
    await using running = await startGateway();
    const logged = running.nextLine(({ msg }) => msg === 'request');
    const url = `${running.origin}/example.v1.LibraryService/GetBook`;
    await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
    expect(await logged).to.include({
      protocol: 'connect',
      route: 'example.v1.LibraryService/GetBook',
      code: 'unauthenticated',
    });
  });

  it('contains the trace of a request, and no other context that came with it', async () => {
    await using running = await startGateway();
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const ask = async (traceparent: string) => {
      const logged = running.nextLine(({ msg }) => msg === 'request');
      await fetch(running.origin + path, { headers: { traceparent, tracestate: `vendor=${secretText}` } });
      return logged;
    };
    expect(await ask(`00-${trace}-00f067aa0ba902b7-01`)).to.include({ traceId: trace });
    expect(await ask(`00-${secretText}-00f067aa0ba902b7-01`)).not.to.have.property('traceId');
    expect(JSON.stringify(running.lines)).not.to.contain(secretText);
  });

  it('contains no unknown path', async () => {
    await using running = await startGateway();
    const logged = running.nextLine(({ msg }) => msg === 'request');
    await fetch(`${running.origin}/${secretText}`);
    await logged;
    expect(JSON.stringify(running.lines)).not.to.contain(secretText);
  });
});

describe('the peer', () => {
  const forwarded = { headers: { authorization: 'Bearer editor', 'x-forwarded-for': '192.0.2.7, 198.51.100.1' } };

  it("is the socket's, whatever a stranger claims", async () => {
    await using running = await startGateway();
    await fetch(running.origin + path, forwarded);
    expect(running.library.calls[0]?.call.peer).to.equal('127.0.0.1');
  });

  it('is what a trusted proxy claims, as far as it is trusted', async () => {
    await using running = await startGateway({ trustedProxies: ['127.0.0.1'] });
    await fetch(running.origin + path, forwarded);
    expect(running.library.calls[0]?.call.peer).to.equal('198.51.100.1');
    await using chain = await startGateway({ trustedProxies: ['127.0.0.0/8', '198.51.100.0/24'] });
    await fetch(chain.origin + path, forwarded);
    expect(chain.library.calls[0]?.call.peer).to.equal('192.0.2.7');
  });

  it("is the socket's where the proxies that are trusted are others", async () => {
    await using running = await startGateway({ trustedProxies: ['203.0.113.1'] });
    await fetch(running.origin + path, forwarded);
    expect(running.library.calls[0]?.call.peer).to.equal('127.0.0.1');
  });
});

const isLocal = async (options: Parameters<typeof startGateway>[0], headers: Record<string, string> = {}) => {
  await using running = await startGateway(options);
  const response = await fetch(`${running.origin}/v1/status`, { headers });
  return Object(await response.json()).local === true;
};

describe('a call on this machine', () => {
  it('is local by no detour', async () => expect(await isLocal({})).to.equal(true));

  it('is not local through a proxy that names the client', async () => {
    expect(await isLocal({}, { 'X-Real-IP': '192.0.2.7' })).to.equal(false);
  });

  it('is never local where a proxy is expected, or others may connect', async () => {
    expect(await isLocal({ trustedProxies: ['192.0.2.1'] })).to.equal(false);
    expect(await isLocal({ host: '0.0.0.0' })).to.equal(false);
  });
});
