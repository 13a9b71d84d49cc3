import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { memberOf, textOf } from '../support/json.ts';
import { restClient, type RestCall, type RestReply } from './call-rest.ts';

/** Sends a provider's name in an update, by every dialect that names providers. */
const updates: Readonly<Record<string, (id: string, provider: string) => RestCall>> = {
  'coffer PATCH': (id, provider) => ({
    method: 'PATCH',
    path: `/v1/workspaces/default/credentials/${id}`,
    body: { provider },
  }),
  'coffer Connect': (id, provider) =>
    rpc('coffer.v1.CredentialService', {
      workspaceId: 'default',
      credentialId: id,
      credential: { provider },
      updateMask: 'provider',
    }),
  'flowise PUT': (id, credentialName) => ({
    method: 'PUT',
    path: `/flowise/api/v1/credentials/${id}`,
    body: { name: 'renamed', credentialName },
  }),
  'flowise POST with an id': (id, credentialName) => ({
    method: 'POST',
    path: '/flowise/api/v1/credentials/',
    body: { id, name: 'renamed', credentialName, plainDataObj: { key: 'new' } },
  }),
  'flowise Connect': (credentialId, credentialName) =>
    rpc('flowise.v1.CredentialService', { credentialId, credentialName }),
  'mielto PATCH': (id, provider) => ({ method: 'PATCH', path: `/mielto/api/v1/credentials/${id}`, body: { provider } }),
  'mielto PUT': (id, provider) => ({ method: 'PUT', path: `/mielto/api/v1/credentials/${id}`, body: { provider } }),
  'mielto Connect': (credentialId, provider) => rpc('mielto.v1.CredentialService', { credentialId, provider }),
};

const names: readonly [stored: string, sent: string, after: string][] = [
  ['openai', 'openAIApi', 'openai'],
  ['OPENAI', 'openAIApi', 'OPENAI'],
  ['openAIApi', 'openai', 'openAIApi'],
  ['custom', 'httpApiKey', 'custom'],
  ['azure', 'azureOpenAIApi', 'azure'],
  ['claude', 'anthropicApi', 'claude'],
  ['openai', 'anthropicApi', 'anthropicApi'],
  ['acme', 'openAIApi', 'openAIApi'],
  ['acme', 'other', 'other'],
];

describe("another name of a credential's provider", () => {
  let coffer: TestCoffer;
  let call: (request: RestCall) => Promise<RestReply>;

  before(async () => {
    coffer = await startCoffer();
    const send = restClient(coffer.origin);
    const token = await coffer.issueKey({ role: 'EDITOR' });
    call = (request) => send({ token, ...request });
  });

  after(() => coffer?.stop());

  async function create(provider: string): Promise<string> {
    const body = { credential: { name: 'n', provider }, secret: { key: 'k' } };
    return textOf(await coffer.native('POST', '/v1/workspaces/default/credentials', body), 'credential', 'id');
  }

  async function providerOf(id: string): Promise<string> {
    const path = `/v1/workspaces/default/credentials/${id}`;
    return textOf(memberOf(await coffer.native('GET', path), 'credential'), 'provider');
  }

  for (const [title, update] of Object.entries(updates)) {
    for (const [stored, sent, after] of names) {
      it(`leaves ${after} where ${sent} is sent for ${stored}: ${title}`, async () => {
        const id = await create(stored);
        const { status, text } = await call(update(id, sent));
        expect(status, text).to.equal(200);
        expect(await providerOf(id)).to.equal(after);
      });
    }
  }

  it('does not take a credential from a key that is limited to the present name', async () => {
    const id = await create('openai');
    const token = await coffer.issueKey({ role: 'EDITOR', providers: ['openai'] });
    for (const update of Object.values(updates)) {
      expect((await call({ token, ...update(id, 'openAIApi') })).status).to.equal(200);
    }
    expect((await call({ token, path: `/v1/workspaces/default/credentials/${id}` })).status).to.equal(200);
  });
});

function rpc(service: string, body: object): RestCall {
  return { method: 'POST', path: `/${service}/UpdateCredential`, body };
}
