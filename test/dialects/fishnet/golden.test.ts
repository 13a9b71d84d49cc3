import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { CredentialService } from '../../../gen/fishnet/v1/credential_service_pb.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { memberOf } from '../../support/json.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** 2024-01-01T00:00:00Z in Unix seconds. */
const now = 1_704_067_200;
const required = { status: 400, body: { error: 'service, name, and key are required' } };

/** As the seed prints it. */
const documented = { service: 'openai', name: 'production', key: 'sk-proj-...' };

describe('fishnet: POST /api/credentials', () => {
  let coffer: TestCoffer;
  let token: string;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date(now * 1_000) });
    const password = 'correct horse';
    await post({ password, confirm: password }, {}, '/api/auth/setup');
    const session = await post({ password }, {}, '/api/auth/login');
    token = session.body.token;
  });
  after(() => coffer.stop());

  async function send(body: string, headers: Record<string, string> = {}, path = '/api/credentials') {
    const response = await fetch(`${coffer.origin}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }), ...headers },
      body,
    });
    return { status: response.status, body: JSON.parse(await response.text()) };
  }

  async function post(body: object, headers: Record<string, string> = {}, path?: string) {
    return send(JSON.stringify(body), headers, path);
  }

  async function reveal(id: string) {
    return memberOf(await coffer.native('POST', `/v1/workspaces/default/credentials/${id}:reveal`, {}), 'secret');
  }

  it('answers the documented request with 201 and the metadata, exactly', async () => {
    const { status, body } = await post(documented);
    expect(status).to.equal(201);
    const { id, ...rest } = body;
    expect(id).to.match(uuid);
    expect(rest).to.deep.equal({ service: 'openai', name: 'production', created_at: now, last_used_at: null });
    expect(await reveal(id)).to.deep.equal({ key: documented.key });
  });

  it('trims the values', async () => {
    const { status, body } = await post({ service: ' openai\n', name: '\tprimary ', key: ' sk-trimmed \n' });
    expect(status).to.equal(201);
    expect(body).to.include({ service: 'openai', name: 'primary' });
    expect(await reveal(body.id)).to.deep.equal({ key: 'sk-trimmed' });
  });

  it('takes api_key for key', async () => {
    const { status, body } = await post({ service: 'openai', name: 'primary', api_key: 'sk-other' });
    expect(status).to.equal(201);
    expect(await reveal(body.id)).to.deep.equal({ key: 'sk-other' });
  });

  for (const service of ['anthropic', 'binance', 'custom.crm', 'whatever else']) {
    it(`takes the service ${service}`, async () => {
      const { status, body } = await post({ ...documented, service });
      expect(status).to.equal(201);
      expect(body).to.include({ service });
    });
  }

  for (const member of ['service', 'name', 'key']) {
    for (const value of [undefined, null, '', ' \n\t ']) {
      it(`answers 400 to a ${member} that is ${JSON.stringify(value) ?? 'missing'}`, async () => {
        expect(await post({ ...documented, [member]: value })).to.deep.equal(required);
      });
    }
  }

  it('answers 400 to no members and to no body', async () => {
    expect(await post({})).to.deep.equal(required);
    expect(await send('')).to.deep.equal(required);
  });

  it('answers 400 to a value of a wrong type, without showing it', async () => {
    const answer = await post({ ...documented, key: 4_815_162_342 });
    expect(answer).to.deep.equal({ status: 400, body: { error: 'key must be a string' } });
  });

  it('answers 400 to what is not JSON, without showing it', async () => {
    const { status, body } = await send(`{"key": ${documented.key}`);
    expect(status).to.equal(400);
    expect(body).to.have.all.keys('error');
    expect(body.error).to.not.include(documented.key);
  });

  it('lets the same name be used again', async () => {
    const [one, other] = [await post(documented), await post(documented)];
    expect([one.status, other.status]).to.deep.equal([201, 201]);
    expect(one.body.id).to.not.equal(other.body.id);
  });

  it('answers 401 without a token and with a bad one, whatever the body', async () => {
    expect(await send('{', { authorization: '' })).to.deep.equal({
      status: 401,
      body: { error: 'missing or invalid authorization header' },
    });
    for (const bad of [`fn_sess_${'0'.repeat(64)}`, 'fn_sess_abc123...']) {
      expect(await send('{', { authorization: `Bearer ${bad}` })).to.deep.equal({
        status: 401,
        body: { error: 'invalid or expired session token' },
      });
    }
  });

  it('answers 403 to a key without the permission', async () => {
    const viewer = await coffer.issueKey({ role: 'VIEWER' });
    const { status, body } = await post(documented, { authorization: `Bearer ${viewer}` });
    expect(status).to.equal(403);
    expect(body).to.have.all.keys('error');
  });

  it('answers with a trailing slash and below its prefix, too', async () => {
    for (const path of ['/api/credentials/', '/fishnet/api/credentials']) {
      expect((await post(documented, {}, path)).status).to.equal(201);
    }
  });

  for (const [protocol, createTransport] of [
    ['gRPC', (baseUrl: string) => createGrpcTransport({ baseUrl })],
    ['Connect', (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: '1.1' })],
  ] as const) {
    it(`creates over ${protocol}, too`, async () => {
      const client = createClient(CredentialService, createTransport(coffer.origin));
      const headers = { authorization: `Bearer ${token}` };
      const { credential } = await client.createCredential(documented, { headers });
      expect(credential).to.include({ service: 'openai', createdAt: BigInt(now) });
      expect(credential?.lastUsedAt).to.equal(undefined);
    });

    it(`refuses over ${protocol} what it refuses over REST`, async () => {
      const client = createClient(CredentialService, createTransport(coffer.origin));
      const authorization = `Bearer ${token}`;
      const create = (request: object, headers: Record<string, string>) =>
        client.createCredential(request, { headers }).then(
          () => undefined,
          (error: unknown) => ConnectError.from(error).code,
        );
      expect(await create({ ...documented, key: ' ' }, { authorization })).to.equal(Code.InvalidArgument);
      expect(await create({ ...documented, name: '' }, { authorization })).to.equal(Code.InvalidArgument);
      expect(await create(documented, {})).to.equal(Code.Unauthenticated);
      expect(await create(documented, { authorization: 'Bearer cof_wrong' })).to.equal(Code.Unauthenticated);
    });
  }
});
