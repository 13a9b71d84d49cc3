import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { CredentialService } from '../../../gen/flowise/v1/credential_service_pb.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { memberOf } from '../../support/json.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const base64 = /^[A-Za-z0-9+/]{100,}={0,2}$/;
const key = 'sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx';

/** As the seed prints it. */
const documented = {
  name: 'My Personal OpenAI',
  credentialName: 'openAIApi',
  credentialData: { openAIApiKey: key },
};
const failure = (statusCode: number, sentence: string) => ({
  statusCode,
  success: false,
  message: `Error: credentialsController.createCredential - ${sentence}`,
  stack: {},
});

interface Entity {
  readonly id: string;
  readonly encryptedData: string;
  readonly [member: string]: unknown;
}

describe('flowise: POST /api/v1/credentials/', () => {
  let coffer: TestCoffer;
  let token: string;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    token = await coffer.issueKey({ role: 'EDITOR', dialect: 'flowise' });
  });
  after(() => coffer.stop());

  async function send(body: string, headers: Record<string, string> = {}, path = '/api/v1/credentials/') {
    const response = await fetch(`${coffer.origin}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
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

  it('answers the documented request with the entity, exactly', async () => {
    const { status, body } = await post(documented);
    const { id, encryptedData, ...rest }: Entity = body;
    expect(status).to.equal(200);
    expect(rest).to.deep.equal({
      name: 'My Personal OpenAI',
      credentialName: 'openAIApi',
      workspaceId: coffer.defaultWorkspaceId,
      createdDate: '2024-01-01T00:00:00.000Z',
      updatedDate: '2024-01-01T00:00:00.000Z',
    });
    expect(id).to.match(uuid);
    expect(encryptedData).to.match(base64);
    expect(Buffer.from(encryptedData, 'base64').includes(key)).to.equal(false);
    expect(await reveal(id)).to.deep.equal(documented.credentialData);
  });

  it('takes plainDataObj, as real clients send it, for credentialData', async () => {
    const { credentialData, ...named } = documented;
    const { status, body } = await post({ ...named, plainDataObj: credentialData });
    expect(status).to.equal(200);
    expect(await reveal(body.id)).to.deep.equal(credentialData);
  });

  it('takes both where they are the same, and refuses them with 412 where they differ', async () => {
    const same = await post({ ...documented, plainDataObj: documented.credentialData });
    expect(same.status).to.equal(200);
    const differing = await post({ ...documented, plainDataObj: { openAIApiKey: 'another' } });
    expect(differing).to.deep.equal({ status: 412, body: failure(412, 'credentialData and plainDataObj differ!') });
  });

  it('keeps data of any depth as they were sent', async () => {
    const credentialData = { nested: { list: [1, 2.5, null, true, { a: '' }] }, 'with space': 'ü😀', blank: '' };
    const { body } = await post({ ...documented, credentialData });
    expect(await reveal(body.id)).to.deep.equal(credentialData);
  });

  for (const member of ['name', 'credentialName', 'credentialData']) {
    for (const [title, value] of [
      ['missing', undefined],
      ['null', null],
      ['empty', ''],
    ] as const) {
      // Data without fields are data.
      if (member === 'credentialData' && title === 'empty') continue;
      it(`answers 412 to a ${member} that is ${title}`, async () => {
        const answer = await post({ ...documented, [member]: value });
        expect(answer).to.deep.equal({ status: 412, body: failure(412, `${member} not provided!`) });
      });
    }
  }

  it('names the first of several missing members', async () => {
    expect((await post({})).body).to.deep.equal(failure(412, 'name not provided!'));
    expect((await post({ name: 'n' })).body).to.deep.equal(failure(412, 'credentialName not provided!'));
    expect((await send('')).body).to.deep.equal(failure(412, 'name not provided!'));
    expect((await send('[]')).body).to.deep.equal(failure(412, 'name not provided!'));
  });

  it('answers 400 to members of a wrong type, without showing them', async () => {
    const { status, body } = await post({ ...documented, name: 7, credentialData: key });
    expect(status).to.equal(400);
    expect(body).to.deep.equal(failure(400, 'name must be a string; credentialData must be an object'));
  });

  it('answers 400 to a name of 256 characters, and takes one of 255', async () => {
    expect((await post({ ...documented, name: '😀'.repeat(255) })).status).to.equal(200);
    const { status, body } = await post({ ...documented, name: 'n'.repeat(256) });
    expect(status).to.equal(400);
    expect(body).to.deep.equal(failure(400, 'name must be at most 255 characters'));
  });

  it('answers 400 to what is not JSON, without showing it', async () => {
    const { status, body } = await send(`{"name": ${key}`);
    expect(status).to.equal(400);
    expect(body).to.include({ statusCode: 400, success: false });
    expect(JSON.stringify(body)).to.not.include(key);
  });

  it('answers 413 to data above the limit of a secret, and to a body above the limit of a body', async () => {
    for (const bytes of [65_536, 1_048_576]) {
      const { status, body } = await post({ ...documented, credentialData: { openAIApiKey: 'k'.repeat(bytes) } });
      expect(status).to.equal(413);
      expect(body).to.include({ statusCode: 413, success: false });
    }
  });

  it('ignores members that it does not know', async () => {
    expect((await post({ ...documented, flowId: 1, nodes: [{}] })).status).to.equal(200);
  });

  it('lets names be used again', async () => {
    const [one, other] = [await post(documented), await post(documented)];
    expect([one.status, other.status]).to.deep.equal([200, 200]);
    expect(one.body.id).to.not.equal(other.body.id);
  });

  it('answers 401 without a key and with a wrong one, whatever the body', async () => {
    for (const authorization of ['', 'Bearer', 'Bearer cof_wrong', `Basic ${btoa('a:b')}`]) {
      const answer = await send('{', { authorization });
      expect(answer).to.deep.equal({ status: 401, body: { error: 'Unauthorized Access' } });
    }
  });

  it('answers 403 to a key without the permission, whatever the body', async () => {
    for (const role of ['VIEWER', 'RUNTIME'] as const) {
      const reader = await coffer.issueKey({ role, dialect: 'flowise' });
      const answer = await send('{', { authorization: `Bearer ${reader}` });
      expect(answer).to.deep.equal({ status: 403, body: { message: 'Forbidden' } });
    }
  });

  it('takes what follows the last Bearer, and a bare key', async () => {
    for (const authorization of [`Bearer Bearer ${token}`, `bearer ${token}`, token]) {
      expect((await post(documented, { authorization })).status).to.equal(200);
    }
  });

  it('answers without the trailing slash and below its prefix, too', async () => {
    for (const path of ['/api/v1/credentials', '/flowise/api/v1/credentials/', '/flowise/api/v1/credentials']) {
      expect((await post(documented, {}, path)).body).to.include({ credentialName: 'openAIApi' });
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
      expect(credential).to.include({ name: documented.name, workspaceId: coffer.defaultWorkspaceId });
      expect(await reveal(credential?.id ?? '')).to.deep.equal(documented.credentialData);
    });

    it(`refuses over ${protocol} what it refuses over REST`, async () => {
      const client = createClient(CredentialService, createTransport(coffer.origin));
      const authorization = `Bearer ${token}`;
      const create = (request: object, headers: Record<string, string>) =>
        client.createCredential(request, { headers }).then(
          () => undefined,
          (error: unknown) => ConnectError.from(error).code,
        );
      expect(await create({ ...documented, credentialData: undefined }, { authorization })).to.equal(
        Code.InvalidArgument,
      );
      expect(await create({ ...documented, name: '' }, { authorization })).to.equal(Code.InvalidArgument);
      expect(await create(documented, {})).to.equal(Code.Unauthenticated);
      expect(await create(documented, { authorization: 'Bearer cof_wrong' })).to.equal(Code.Unauthenticated);
    });
  }
});
