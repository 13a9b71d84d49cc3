import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { textOf } from '../../support/json.ts';
import { restClient, type RestCall, type RestReply } from '../call-rest.ts';

const secretText = 'never-to-be-shown';

describe('a credential that is not active', () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;
  let token: string;
  let ids: { inactive: string; expired: string };

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    call = restClient(coffer.origin);
    token = await coffer.issueKey({ role: 'EDITOR' });
    const inactive = await create({ name: 'inactive' });
    await coffer.native('POST', `/v1/workspaces/default/credentials/${inactive}:deactivate`);
    ids = { inactive, expired: await create({ name: 'expired', expires_at: '2023-12-31T23:59:59Z' }) };
  });

  after(async () => {
    await coffer.stop();
  });

  async function create(members: Record<string, string>): Promise<string> {
    const credential = { provider: 'openai', auth_type: 'api_key', ...members };
    const body = { credential, secret: { api_key: secretText } };
    return textOf(await coffer.native('POST', '/v1/workspaces/default/credentials', body), 'credential', 'id');
  }

  const words = { inactive: 'Credential is not active', expired: 'Credential has expired' };
  const refusals: Readonly<Record<string, (state: 'inactive' | 'expired') => [RestCall, number, object]>> = {
    'miniflow answers 403 HTTP_403': (state) => [
      { path: `/frontend/workspaces/${coffer.defaultWorkspaceShortId}/credentials/${ids[state]}?include_secret=true` },
      403,
      { status: 'error', code: 403, error_code: 'HTTP_403', error_message: words[state] },
    ],
    'scale answers 403 detail, by id': (state) => [
      { method: 'POST', path: `/v5/credentials/${ids[state]}/secret` },
      403,
      { detail: words[state] },
    ],
    'scale answers 403 detail, by name': (state) => [
      { method: 'POST', path: `/v5/credentials/name/${state}/secret` },
      403,
      { detail: words[state] },
    ],
    'the native API answers FAILED_PRECONDITION': (state) => [
      { method: 'POST', path: `/v1/workspaces/default/credentials/${ids[state]}:reveal` },
      400,
      { code: 'failed_precondition' },
    ],
  };
  for (const state of ['inactive', 'expired'] as const) {
    for (const [title, refusalOf] of Object.entries(refusals)) {
      it(`is not revealed where it is ${state}: ${title}`, async () => {
        const [request, status, members] = refusalOf(state);
        const reply = await call({ ...request, token });
        expect(reply.status, reply.text).to.equal(status);
        expect(reply.body).to.include(members);
        expect(reply.text).to.not.include(secretText);
      });
    }

    it(`shows its metadata where it is ${state}, through each dialect that shows metadata by id or by name`, async () => {
      const miniflow = `/frontend/workspaces/${coffer.defaultWorkspaceShortId}/credentials/${ids[state]}`;
      const names = {
        [`/v1/workspaces/default/credentials/${ids[state]}`]: ['credential', 'name'],
        [miniflow]: ['data', 'name'],
        [`/mielto/api/v1/credentials/${ids[state]}`]: ['label'],
        [`/flowise/api/v1/credentials/${ids[state]}`]: ['name'],
        [`/v5/credentials/${ids[state]}`]: ['name'],
        [`/v5/credentials/name/${state}`]: ['name'],
      };
      for (const [path, members] of Object.entries(names)) {
        const reply = await call({ path, token });
        expect(reply.status, reply.text).to.equal(200);
        expect(textOf(JSON.parse(reply.text), ...members), path).to.equal(state);
      }
    });
  }
});
