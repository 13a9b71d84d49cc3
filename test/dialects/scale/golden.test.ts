import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { restClient, type RestCall, type RestReply } from '../call-rest.ts';

const path = '/v5/credentials';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const secretPayload = 'never-to-be-shown';

describe("scale's document", () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;
  let apiKey: string;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    call = restClient(coffer.origin);
    apiKey = await coffer.issueKey({ role: 'EDITOR' });
  });

  after(async () => {
    await coffer.stop();
  });

  async function create(body: unknown, headers: Record<string, string> = {}): Promise<RestReply> {
    return call({ method: 'POST', path, headers: { 'x-api-key': apiKey, ...headers }, body });
  }

  it('is kept: a create with only its required members', async () => {
    const members = { type: 'key', name: 'Smallest' };
    expectCredential(await create({ ...members, payload: secretPayload }), {
      ...members,
      description: null,
      credential_metadata: null,
    });
  });

  it('is kept: a create with all its members', async () => {
    const members = {
      type: 'json',
      name: 'Largest / with a slash',
      description: 'For models',
      credential_metadata: { team: 'a', tags: ['x', 1, null], nested: { deep: true } },
    };
    expectCredential(await create({ ...members, payload: `{"token":"${secretPayload}"}` }), members);
  });

  it('is kept: the optional members may be null, and another type is accepted', async () => {
    const members = { type: 'certificate', name: 'Nulls', description: null, credential_metadata: null };
    expectCredential(await create({ ...members, payload: secretPayload }), members);
  });

  it('is kept: what is empty is not null', async () => {
    const members = { type: 'key', name: 'Empties', description: '', credential_metadata: {} };
    expectCredential(await create({ ...members, payload: secretPayload }), members);
  });

  it('is kept: the account is named by a header, or is the default one', async () => {
    const body = { type: 'key', name: 'Selected', payload: secretPayload };
    const reply = await create(body, { 'x-selected-account-id': coffer.defaultWorkspaceId });
    expect(reply.status).to.equal(200);
  });

  it('refuses an account that the caller is not in', async () => {
    const body = { type: 'key', name: 'Foreign', payload: secretPayload };
    const reply = await create(body, { 'x-selected-account-id': '018cc251-f400-7000-8000-00000000a001' });
    expect(reply.status).to.equal(403);
    expect(reply.body).to.have.all.keys('detail');
  });

  it('refuses a name that is taken', async () => {
    const body = { type: 'key', name: "Taken 'twice'", payload: secretPayload };
    expect((await create(body)).status).to.equal(200);
    const reply = await create(body);
    expect(reply.status).to.equal(409);
    expect(reply.body).to.deep.equal({ detail: "Credential with name 'Taken 'twice'' already exists" });
  });

  it('refuses a call without a key, or with one that was not issued', async () => {
    for (const headers of [{}, { 'x-api-key': 'cof_unknown' }]) {
      const reply = await call({ method: 'POST', path, headers, body: {} });
      expect(reply.status).to.equal(401);
      expect(reply.body).to.deep.equal({ detail: 'Not authenticated' });
    }
  });

  it('refuses a create by a viewer, whatever its body', async () => {
    const viewer = await coffer.issueKey({ role: 'VIEWER' });
    const reply = await create({}, { 'x-api-key': viewer });
    expect(reply.status).to.equal(403);
    expect(reply.body).to.have.all.keys('detail');
  });

  it('reports every fault at once, in the order of the model, without the payload', async () => {
    const reply = await create({
      name: '',
      description: 1,
      payload: { secret: secretPayload },
      credential_metadata: 'm',
    });
    expect(reply.status).to.equal(422);
    expect(reply.text).to.not.include(secretPayload);
    expect(reply.body).to.deep.equal({
      detail: [
        {
          type: 'missing',
          loc: ['body', 'type'],
          msg: 'Field required',
          input: { name: '', description: 1, payload: '[redacted]', credential_metadata: 'm' },
        },
        {
          type: 'string_too_short',
          loc: ['body', 'name'],
          msg: 'String should have at least 1 character',
          input: '',
          ctx: { min_length: 1 },
        },
        { type: 'string_type', loc: ['body', 'description'], msg: 'Input should be a valid string', input: 1 },
        { type: 'string_type', loc: ['body', 'payload'], msg: 'Input should be a valid string', input: '[redacted]' },
        {
          type: 'dict_type',
          loc: ['body', 'credential_metadata'],
          msg: 'Input should be a valid dictionary',
          input: 'm',
        },
      ],
    });
  });

  it('refuses a payload that is empty, or larger than a secret may be', async () => {
    const empty = await create({ type: 'key', name: 'Empty', payload: '' });
    expect(empty.status).to.equal(422);
    expect(empty.body).to.have.nested.property('detail[0].type', 'string_too_short');
    const large = await create({ type: 'key', name: 'Large', payload: 'p'.repeat(65_537) });
    expect(large.status).to.equal(422);
    expect(large.body).to.have.deep.nested.property('detail[0].loc', ['body', 'payload']);
    expect(large.text).to.not.include('pppp');
  });

  it('answers with and without a slash at the end, and below its own prefix', async () => {
    for (const alias of [`${path}/`, `/scale${path}`, `/scale${path}/`]) {
      const body = { type: 'key', name: `By ${alias}`, payload: secretPayload };
      const reply = await call({ method: 'POST', path: alias, headers: { 'x-api-key': apiKey }, body });
      expect(reply.status, alias).to.equal(200);
    }
  });

  it('answers an unknown path and a wrong method as FastAPI does', async () => {
    const headers = { 'x-api-key': apiKey };
    const unknown = await call({ path: '/v5/secrets', headers });
    expect({ status: unknown.status, body: unknown.body }).to.deep.equal({
      status: 404,
      body: { detail: 'Not Found' },
    });
    const wrong = await call({ method: 'PUT', path, headers, body: {} });
    expect({ status: wrong.status, body: wrong.body }).to.deep.equal({
      status: 405,
      body: { detail: 'Method Not Allowed' },
    });
    expect(wrong.headers.get('allow')).to.include('POST');
  });
});

/** The members of Credential, with ids as they may be. */
function expectCredential(reply: RestReply, members: Record<string, unknown>): void {
  expect(reply.status, reply.text).to.equal(200);
  const { body } = reply;
  expect(body).to.have.property('id').that.matches(uuid);
  expect(body).to.have.property('created_by_user_id').that.matches(uuid);
  expect({ ...(typeof body === 'object' && body), id: '', created_by_user_id: '' }).to.deep.equal({
    id: '',
    object: 'credential',
    created_by_user_id: '',
    created_by_identity_type: 'user',
    created_at: '2024-01-01T00:00:00Z',
    updated_at: '2024-01-01T00:00:00Z',
    ...members,
  });
  expect(reply.text).to.not.include(secretPayload);
}
