import { expect } from 'chai';
import { startGateway, workspaceId } from '../library.ts';

const page = 'https://console.example';
const preflight = (origin: string, method: string, headers: string) => ({
  method: 'OPTIONS',
  headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': headers },
});

describe('a page of another origin', () => {
  const paths = { REST: `/v1/shelves/${workspaceId}/books`, Connect: '/example.v1.LibraryService/GetBook' };

  for (const [title, path] of Object.entries(paths)) {
    it(`may call ${title} where it is configured`, async () => {
      await using running = await startGateway({ corsOrigins: [page] });
      const wanted = 'authorization,connect-protocol-version,x-stainless-lang';
      const asked = await fetch(running.origin + path, preflight(page, 'POST', wanted));
      expect(asked.status).to.equal(204);
      expect(asked.headers.get('access-control-allow-origin')).to.equal(page);
      expect(asked.headers.get('access-control-allow-headers')).to.equal(wanted);
      expect(asked.headers.get('access-control-allow-methods')).to.contain('PATCH').and.to.contain('POST');
      expect(asked.headers.get('access-control-allow-credentials')).to.equal('true');
      const body = { method: 'POST', headers: { origin: page, 'content-type': 'application/json' }, body: '{}' };
      const answered = await fetch(running.origin + path, body);
      expect(answered.status).to.equal(401);
      expect(answered.headers.get('access-control-allow-origin')).to.equal(page);
      expect(answered.headers.get('access-control-expose-headers')?.toLowerCase())
        .to.contain('grpc-status')
        .and.to.contain('x-request-id');
      expect(answered.headers.get('vary')).to.match(/origin/i);
    });

    it(`may not call ${title} where another one is configured`, async () => {
      await using running = await startGateway({ corsOrigins: [page] });
      const asked = await fetch(running.origin + path, preflight('https://evil.example', 'POST', 'authorization'));
      expect(asked.headers.get('access-control-allow-origin')).not.to.equal('https://evil.example');
      expect(asked.headers.get('access-control-allow-credentials')).to.equal(null);
    });

    it(`may not call ${title} where none is configured`, async () => {
      await using running = await startGateway();
      const asked = await fetch(running.origin + path, preflight(page, 'POST', 'authorization'));
      expect(asked.status).to.be.greaterThan(399);
      expect(asked.headers.get('access-control-allow-origin')).to.equal(null);
      const answered = await fetch(running.origin + path, { headers: { origin: page } });
      expect(answered.headers.get('access-control-allow-origin')).to.equal(null);
    });
  }

  it('may be any, but never with cookies', async () => {
    await using running = await startGateway({ corsOrigins: ['*'] });
    const { headers } = await fetch(`${running.origin}/v1/status`, { headers: { origin: 'https://any.example' } });
    expect(headers.get('access-control-allow-origin')).to.equal('*');
    expect(headers.get('access-control-allow-credentials')).to.equal(null);
  });

  it('is not local', async () => {
    await using running = await startGateway({ corsOrigins: ['*'] });
    const response = await fetch(`${running.origin}/v1/status`, { headers: { origin: 'https://any.example' } });
    expect(await response.json()).to.include({ local: false });
  });
});
