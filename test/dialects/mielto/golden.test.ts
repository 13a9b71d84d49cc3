import { expect } from 'chai';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { restClient, type RestCall, type RestReply } from '../call-rest.ts';

const path = '/api/v1/credentials';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const secretToken = 'never-to-be-shown';

const smallest = {
  label: 'Primary',
  auth_type: 'api_key',
  credential_scope: 'workspace',
  credentials: { api_key: secretToken },
};

describe("mielto's document", () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;
  let token: string;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    call = restClient(coffer.origin);
    token = await coffer.issueKey({ role: 'EDITOR' });
  });

  after(async () => {
    await coffer.stop();
  });

  async function create(body: unknown): Promise<RestReply> {
    return call({ method: 'POST', path, token, body });
  }

  /** The members of CredentialRead, with ids as they may be. */
  function expectRead(reply: RestReply, members: Record<string, unknown>): void {
    expect(reply.status, reply.text).to.equal(200);
    const { body } = reply;
    expect(body).to.have.property('id').that.matches(uuid);
    expect(body).to.have.property('workspace_id', coffer.defaultWorkspaceId);
    expect(body).to.have.property('created_by').that.matches(uuid);
    expect({ ...(typeof body === 'object' && body), id: '', workspace_id: '', created_by: '' }).to.deep.equal({
      id: '',
      workspace_id: '',
      created_by: '',
      status: 'active',
      expires_at: null,
      last_used_at: null,
      created_at: '2024-01-01T00:00:00Z',
      updated_at: '2024-01-01T00:00:00Z',
      ...members,
    });
    expect(reply.text).to.not.include(secretToken);
  }

  it('is kept: a create with only its required members', async () => {
    expectRead(await create(smallest), {
      label: 'Primary',
      description: null,
      auth_type: 'api_key',
      credential_type: null,
      credential_scope: 'workspace',
      provider: 'custom',
      user_id: null,
    });
  });

  it('is kept: a create with all its members', async () => {
    const members = {
      label: 'Production',
      description: 'For models',
      auth_type: 'oauth_token_refresh',
      credential_type: 'llm',
      credential_scope: 'workspace_member',
      provider: 'openai',
      user_id: 'user-1',
    };
    const credentials = { access_token: secretToken, scopes: ['a', 'b'], nested: { n: 1 } };
    expectRead(await create({ ...members, credentials }), members);
  });

  it('is kept: the optional members may be null', async () => {
    const nulls = { description: null, credential_type: null, provider: null, user_id: null };
    expectRead(await create({ ...smallest, ...nulls }), {
      label: 'Primary',
      auth_type: 'api_key',
      credential_scope: 'workspace',
      ...nulls,
      provider: 'custom',
    });
  });

  const authTypes = [
    'api_key',
    'oauth_token',
    'oauth_token_refresh',
    'oauth_token_refresh_rotation',
    'basic_auth',
    'access_token',
    'access_token_refresh',
    'public_key_secret',
    'connection_string',
    'custom',
  ];
  for (const authType of authTypes) {
    it(`is kept: the auth type ${authType}`, async () => {
      expect((await create({ ...smallest, auth_type: authType })).body).to.have.property('auth_type', authType);
    });
  }

  const credentialTypes = ['integration', 'llm', 'storage', 'vector_store', 'auth_provider', 'custom'];
  for (const credentialType of credentialTypes) {
    it(`is kept: the credential type ${credentialType}`, async () => {
      const { body } = await create({ ...smallest, credential_type: credentialType });
      expect(body).to.have.property('credential_type', credentialType);
    });
  }

  it('is kept: a scope may be empty, and a label is taken as often as one likes', async () => {
    expect((await create({ ...smallest, credential_scope: '' })).body).to.have.property('credential_scope', '');
    expect((await create(smallest)).status).to.equal(200);
  });

  it('is kept: the workspace is named by a header, or is the default one', async () => {
    const named = { method: 'POST', path, token, body: smallest };
    const reply = await call({ ...named, headers: { 'X-Workspace-Id': coffer.defaultWorkspaceId } });
    expect(reply.body).to.have.property('workspace_id', coffer.defaultWorkspaceId);
  });

  it('refuses a workspace that the caller is not in', async () => {
    const headers = { 'X-Workspace-Id': '018cc251-f400-7000-8000-00000000a001' };
    const reply = await call({ method: 'POST', path, token, body: smallest, headers });
    expect(reply.status).to.equal(403);
    expect(reply.body).to.deep.equal({ detail: 'Workspace access denied' });
  });

  it('takes the token as X-API-Key, too', async () => {
    const reply = await call({ method: 'POST', path, headers: { 'X-API-Key': token }, body: smallest });
    expect(reply.status).to.equal(200);
  });

  it('refuses a call without a token, or with one that was not issued', async () => {
    for (const proof of [{}, { token: 'cof_unknown' }]) {
      const reply = await call({ method: 'POST', path: `/mielto${path}`, body: smallest, ...proof });
      expect(reply.status).to.equal(401);
      expect(reply.body).to.deep.equal({ detail: 'Not authenticated' });
      expect(reply.headers.get('www-authenticate')).to.equal('Bearer');
    }
  });

  it('refuses a create by a viewer', async () => {
    const viewer = await coffer.issueKey({ role: 'VIEWER' });
    const reply = await call({ method: 'POST', path, token: viewer, body: smallest });
    expect(reply.status).to.equal(403);
    expect(reply.body).to.have.all.keys('detail');
  });

  it('reports every fault at once, in the order of the model, without the secret', async () => {
    const body = {
      auth_type: 'password',
      credential_type: 1,
      credential_scope: 'x'.repeat(256),
      credentials: secretToken,
    };
    const reply = await create(body);
    expect(reply.status).to.equal(422);
    expect(reply.body).to.have.property('detail').that.is.an('array').with.lengthOf(5);
    const found = JSON.parse(reply.text, (name: string, value: unknown) => (name === 'input' ? undefined : value));
    const expected = authTypes.slice(0, -1).map((name) => `'${name}'`);
    const names = `${expected.join(', ')} or 'custom'`;
    expect(found).to.deep.equal({
      detail: [
        { type: 'missing', loc: ['body', 'label'], msg: 'Field required' },
        { type: 'enum', loc: ['body', 'auth_type'], msg: `Input should be ${names}`, ctx: { expected: names } },
        { type: 'string_type', loc: ['body', 'credential_type'], msg: 'Input should be a valid string' },
        {
          type: 'string_too_long',
          loc: ['body', 'credential_scope'],
          msg: 'String should have at most 255 characters',
          ctx: { max_length: 255 },
        },
        { type: 'dict_type', loc: ['body', 'credentials'], msg: 'Input should be a valid dictionary' },
      ],
    });
    expect(reply.text).to.not.include(secretToken);
  });

  it('shows as the input of a missing member the whole body, its secrets redacted', async () => {
    const { auth_type: authType, credential_scope: scope, credentials } = smallest;
    const reply = await create({ auth_type: authType, credential_scope: scope, credentials });
    expect(reply.body).to.deep.equal({
      detail: [
        {
          type: 'missing',
          loc: ['body', 'label'],
          msg: 'Field required',
          input: { auth_type: 'api_key', credential_scope: 'workspace', credentials: '[redacted]' },
        },
      ],
    });
  });

  it('names the lengths of a label', async () => {
    expect((await create({ ...smallest, label: '' })).body).to.deep.equal({
      detail: [
        {
          type: 'string_too_short',
          loc: ['body', 'label'],
          msg: 'String should have at least 1 character',
          input: '',
          ctx: { min_length: 1 },
        },
      ],
    });
    const label = 'l'.repeat(101);
    expect((await create({ ...smallest, label })).body).to.deep.equal({
      detail: [
        {
          type: 'string_too_long',
          loc: ['body', 'label'],
          msg: 'String should have at most 100 characters',
          input: label,
          ctx: { max_length: 100 },
        },
      ],
    });
  });

  it('refuses credentials without a member, which would be no secret', async () => {
    const reply = await create({ ...smallest, credentials: {} });
    expect(reply.status).to.equal(422);
    expect(reply.body).to.deep.equal({
      detail: [{ type: 'value_error', loc: ['body', 'credentials'], msg: 'Value error, must have at least one field' }],
    });
  });

  it('refuses a body that is absent or null', async () => {
    for (const body of [undefined, '', 'null']) {
      const reply = await call({ method: 'POST', path, token, body });
      expect(reply.status, String(body)).to.equal(422);
      expect(reply.body).to.deep.equal({
        detail: [{ type: 'missing', loc: ['body'], msg: 'Field required', input: null }],
      });
    }
  });

  it('refuses a body that is no object', async () => {
    const reply = await create([secretToken]);
    expect(reply.status).to.equal(422);
    expect(reply.body).to.have.nested.property('detail[0].type', 'model_attributes_type');
    expect(reply.body).to.have.deep.nested.property('detail[0].loc', ['body']);
    expect(reply.text).to.not.include(secretToken);
  });

  it('names where a body stops being JSON, without showing it', async () => {
    const reply = await create(`{"label": ${secretToken}`);
    expect(reply.status).to.equal(422);
    expect(reply.body)
      .to.have.nested.property('detail[0]')
      .that.deep.includes({
        type: 'json_invalid',
        loc: ['body', 10],
        msg: 'JSON decode error',
        input: {},
      });
    expect(reply.text).to.not.include(secretToken);
  });

  it('answers an unknown path and a wrong method as FastAPI does', async () => {
    const unknown = await call({ path: '/mielto/api/v2/credentials', token });
    expect({ status: unknown.status, body: unknown.body }).to.deep.equal({
      status: 404,
      body: { detail: 'Not Found' },
    });
    const wrong = await call({ method: 'DELETE', path: `/mielto${path}`, token });
    expect({ status: wrong.status, body: wrong.body }).to.deep.equal({
      status: 405,
      body: { detail: 'Method Not Allowed' },
    });
    expect(wrong.headers.get('allow')).to.include('POST');
  });
});
