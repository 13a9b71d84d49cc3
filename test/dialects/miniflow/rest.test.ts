import { expect } from 'chai';
import { formatShortId } from '../../../src/vault/ids.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { restClient, type RestCall, type RestReply } from '../call-rest.ts';

const secretKey = 'sk-never-to-be-shown';

describe('miniflow over REST', () => {
  let coffer: TestCoffer;
  let call: (call: RestCall) => Promise<RestReply>;
  let token: string;
  let workspaceId: string;
  let base: string;
  let made = 0;

  before(async () => {
    coffer = await startCoffer({ now: () => new Date('2024-01-01T00:00:00Z') });
    call = restClient(coffer.origin);
    token = await coffer.issueKey({ role: 'EDITOR' });
    workspaceId = coffer.defaultWorkspaceShortId;
    base = `/frontend/workspaces/${workspaceId}/credentials`;
  });

  after(async () => {
    await coffer.stop();
  });

  function apiKeyBody(members: Record<string, unknown> = {}): Record<string, unknown> {
    made += 1;
    return { name: `Key ${made}`, api_key: secretKey, provider: 'openai', ...members };
  }

  async function create(members: Record<string, unknown> = {}): Promise<string> {
    const reply = await call({ method: 'POST', path: `${base}/api-key`, token, body: apiKeyBody(members) });
    expect(reply.status, reply.text).to.equal(200);
    return /CRD-[0-9A-F]{16}/.exec(reply.text)?.[0] ?? expect.fail(reply.text);
  }

  describe('refuses', () => {
    for (const spelling of ['WSP-1234567890abcdef', 'WSP-12', 'default', '018cc251-f400-7000-8000-00000000a001']) {
      it(`the workspace id ${spelling}`, async () => {
        const reply = await call({ path: `/frontend/workspaces/${spelling}/credentials`, token });
        const message = `Invalid workspace ID format. Expected: WSP-[16 hex chars], got: ${spelling}`;
        expectError(reply, 400, 'HTTP_400', message);
      });
    }

    it('a name that is taken, also in its trimmed form', async () => {
      await create({ name: 'Taken' });
      const reply = await call({
        method: 'POST',
        path: `${base}/api-key`,
        token,
        body: apiKeyBody({ name: ' Taken ' }),
      });
      const message = `Credential with name 'Taken' already exists in workspace ${workspaceId}`;
      expectError(reply, 400, 'RESOURCE_ALREADY_EXISTS', message);
    });

    it('an update to a name that is taken', async () => {
      await create({ name: 'Taken by another' });
      const id = await create();
      const body = { name: 'Taken by another' };
      const reply = await call({ method: 'PUT', path: `${base}/${id}`, token, body });
      const message = `Credential with name 'Taken by another' already exists in workspace ${workspaceId}`;
      expectError(reply, 400, 'RESOURCE_ALREADY_EXISTS', message);
    });

    const blanks = {
      'Credential name cannot be empty': { name: '  ' },
      'API key cannot be empty': { api_key: ' \t' },
      'Provider cannot be empty': { provider: ' ' },
    };
    for (const [message, members] of Object.entries(blanks)) {
      it(`a blank text: ${message}`, async () => {
        const reply = await call({ method: 'POST', path: `${base}/api-key`, token, body: apiKeyBody(members) });
        expectError(reply, 400, 'INVALID_INPUT', message);
      });
    }

    it('a Slack bot token without its prefix, without showing it', async () => {
      const body = { name: 'Slack', bot_token: secretKey };
      const reply = await call({ method: 'POST', path: `${base}/slack`, token, body });
      expectError(reply, 400, 'INVALID_INPUT', "Invalid bot token format. Should start with 'xoxb-'");
    });

    const slackBlanks = {
      'Credential name cannot be empty': { name: ' ' },
      'Bot token cannot be empty': { bot_token: '  ' },
      'Signing secret cannot be empty': { signing_secret: ' ' },
      'App token cannot be empty': { app_token: '\t' },
    };
    for (const [message, members] of Object.entries(slackBlanks)) {
      it(`a blank text for Slack: ${message}`, async () => {
        const body = { name: 'Slack', bot_token: 'xoxb-1', ...members };
        const reply = await call({ method: 'POST', path: `${base}/slack`, token, body });
        expectError(reply, 400, 'INVALID_INPUT', message);
      });
    }

    const unfit: Record<string, Record<string, unknown>> = {
      'without a name': { name: undefined },
      'with an empty name': { name: '' },
      'with a name of 256 characters': { name: 'n'.repeat(256) },
      'without an API key': { api_key: undefined },
      'with an empty API key': { api_key: '' },
      'with an API key that is no text': { api_key: 5 },
      'without a provider': { provider: undefined },
      'with a description of 501 characters': { description: 'd'.repeat(501) },
      'with tags that are no list': { tags: 'ai' },
      'with a tag that is no text': { tags: [1] },
      'with an expires_at that is no time': { expires_at: 'tomorrow' },
      'with an expires_at on a day that does not exist': { expires_at: '2025-02-29T00:00:00Z' },
      'with an expires_at that is a number': { expires_at: 1735689600 },
    };
    for (const [title, members] of Object.entries(unfit)) {
      it(`a create ${title}`, async () => {
        const reply = await call({ method: 'POST', path: `${base}/api-key`, token, body: apiKeyBody(members) });
        expectError(reply, 422, 'VALIDATION_ERROR', 'Request validation failed');
      });
    }

    it('a Slack create without a bot token', async () => {
      const reply = await call({ method: 'POST', path: `${base}/slack`, token, body: { name: 'Slack' } });
      expectError(reply, 422, 'VALIDATION_ERROR', 'Request validation failed');
    });

    for (const body of ['{"name":', '[]', 'null', '"text"']) {
      it(`the body ${body}`, async () => {
        const reply = await call({ method: 'POST', path: `${base}/api-key`, token, body });
        expectError(reply, 422, 'VALIDATION_ERROR', 'Request validation failed');
      });
    }

    it('a create without a body', async () => {
      const reply = await call({ method: 'POST', path: `${base}/api-key`, token });
      expectError(reply, 422, 'VALIDATION_ERROR', 'Request validation failed');
    });

    it('an update with tags that are not texts', async () => {
      const path = `${base}/${await create()}`;
      const reply = await call({ method: 'PUT', path, token, body: { tags: [1] } });
      expectError(reply, 422, 'VALIDATION_ERROR', 'Request validation failed');
    });

    for (const query of ['credential_type=PASSWORD', 'credential_type=API_KEY2']) {
      it(`a list with ${query}`, async () => {
        const reply = await call({ path: `${base}?${query}`, token });
        expectError(reply, 422, 'VALIDATION_ERROR', 'Request validation failed');
      });
    }

    it('a get whose include_secret is neither true nor false', async () => {
      const reply = await call({ path: `${base}/${await create()}?include_secret=perhaps`, token });
      expectError(reply, 422, 'VALIDATION_ERROR', 'Request validation failed');
    });

    it('a secret to a caller who may not reveal', async () => {
      const path = `${base}/${await create()}`;
      for (const key of [
        await coffer.issueKey({ role: 'VIEWER' }),
        await coffer.issueKey({ role: 'EDITOR', withoutReveal: true }),
      ]) {
        expect((await call({ path, token: key })).status).to.equal(200);
        const reply = await call({ path: `${path}?include_secret=true`, token: key });
        expectError(reply, 403, 'HTTP_403', 'permission secrets.reveal is needed');
      }
    });

    it('the secret of an inactive credential, and shows its metadata', async () => {
      const path = `${base}/${await create()}`;
      await call({ method: 'POST', path: `${path}/deactivate`, token });
      const reply = await call({ path: `${path}?include_secret=true`, token });
      expectError(reply, 403, 'HTTP_403', 'Credential is not active');
      const shown = await call({ path, token });
      expect(shown.body).to.have.nested.property('data.is_active', false);
      await call({ method: 'POST', path: `${path}/activate`, token });
      expect((await call({ path: `${path}?include_secret=true`, token })).status).to.equal(200);
    });

    it('the secret of an expired credential, and shows it as active', async () => {
      const path = `${base}/${await create({ expires_at: '2023-12-31T23:59:59Z' })}`;
      const reply = await call({ path: `${path}?include_secret=true`, token });
      expectError(reply, 403, 'HTTP_403', 'Credential has expired');
      expect((await call({ path, token })).body).to.have.nested.property('data.is_active', true);
    });
  });

  it('echoes the request id as the trace id', async () => {
    const first = await call({ path: base, token, headers: { 'x-request-id': 'r-1', 'x-correlation-id': 'c-1' } });
    expect(first.body).to.have.property('traceId', 'r-1');
    expect(first.headers.get('x-request-id')).to.equal('r-1');
    const second = await call({ path: base, headers: { 'x-correlation-id': 'c-1' } });
    expect(second.body).to.have.property('traceId', 'c-1');
    expect(second.headers.get('x-request-id')).to.equal('c-1');
    const third = await call({ path: base, token });
    expect(third.body)
      .to.have.property('traceId')
      .that.matches(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it('trims what it stores, writes the provider in upper case, and shows nulls', async () => {
    const id = await create({ name: '  Padded  ', api_key: ' sk-padded ', provider: ' Cohere ' });
    const reply = await call({ path: `${base}/${id}?include_secret=true`, token });
    expect(reply.body)
      .to.have.property('data')
      .that.deep.includes({
        name: 'Padded',
        credential_provider: 'COHERE',
        description: null,
        expires_at: null,
        tags: [],
        credential_data: { api_key: 'sk-padded' },
      });
  });

  it('shows no secret unless it is asked for, and lets no cache keep it', async () => {
    const path = `${base}/${await create()}`;
    for (const query of ['', '?include_secret=false']) {
      const reply = await call({ path: path + query, token });
      expect(reply.body).to.have.nested.property('data.credential_data', null);
    }
    const revealed = await call({ path: `${path}?include_secret=true`, token });
    expect(revealed.body).to.have.deep.nested.property('data.credential_data', { api_key: secretKey });
    expect(revealed.headers.get('cache-control')).to.equal('no-store');
  });

  it('accepts the UUID of a credential, too', async () => {
    const id = await create();
    const native = await call({ path: `/v1/workspaces/default/credentials/${id}`, token });
    const uuid = /"id":"([0-9a-f-]{36})"/.exec(native.text)?.[1] ?? expect.fail(native.text);
    const reply = await call({ path: `${base}/${uuid}`, token });
    expect(reply.body).to.have.nested.property('data.id', id);
  });

  it('reads an expires_at with an offset, and one without as UTC', async () => {
    for (const [sent, shown] of [
      ['2025-01-01T02:00:00+02:00', '2025-01-01T00:00:00Z'],
      ['2025-01-01T00:00:00', '2025-01-01T00:00:00Z'],
      ['', null],
    ]) {
      const reply = await call({ path: `${base}/${await create({ expires_at: sent })}`, token });
      expect(reply.body).to.have.nested.property('data.expires_at', shown);
    }
  });

  it('stores a Slack credential whose optional tokens are absent or null', async () => {
    for (const tokens of [{}, { signing_secret: null, app_token: null }]) {
      made += 1;
      const body = { name: `Slack ${made}`, bot_token: 'xoxb-1', ...tokens };
      const created = await call({ method: 'POST', path: `${base}/slack`, token, body });
      const id = /CRD-[0-9A-F]{16}/.exec(created.text)?.[0] ?? expect.fail(created.text);
      const reply = await call({ path: `${base}/${id}?include_secret=true`, token });
      expect(reply.body).to.have.deep.nested.property('data.credential_data', { bot_token: 'xoxb-1' });
      expect(reply.body).to.have.nested.property('data.credential_type', 'SLACK');
    }
  });

  it('leaves in an update what is null or absent, and answers without the secret', async () => {
    const id = await create({ name: 'To be kept', description: 'kept', tags: ['kept'] });
    for (const body of [{}, { name: null, description: null, tags: null }]) {
      const reply = await call({ method: 'PUT', path: `${base}/${id}`, token, body });
      expect(reply.status).to.equal(200);
      expect(reply.body)
        .to.have.property('data')
        .that.deep.includes({
          name: 'To be kept',
          description: 'kept',
          tags: ['kept'],
        });
      expect(reply.body).to.not.have.nested.property('data.credential_data');
    }
    const emptied = await call({ method: 'PUT', path: `${base}/${id}`, token, body: { tags: [] } });
    expect(emptied.body).to.have.deep.nested.property('data.tags', []);
  });

  it('accepts a description of 500 characters, and shows tags as [] where there are none', async () => {
    const description = 'd'.repeat(500);
    const reply = await call({ path: `${base}/${await create({ description })}`, token });
    expect(reply.body).to.have.property('data').that.deep.includes({ description, tags: [] });
  });

  const types = 'API_KEY SLACK OAUTH2 BASIC_AUTH JWT AWS_CREDENTIALS GCP_SERVICE_ACCOUNT SSH_KEY BEARER_TOKEN CUSTOM';
  for (const type of types.split(' ')) {
    it(`filters by the credential_type ${type}, in any case of its letters`, async () => {
      for (const spelling of [type, type.toLowerCase()]) {
        const reply = await call({ path: `${base}?credential_type=${spelling}`, token });
        expect(reply.status).to.equal(200);
        const shown = Array.from(reply.text.matchAll(/"credential_type":"(\w+)"/g), ([, found]) => found);
        expect(shown.filter((found) => found !== type)).to.deep.equal([]);
      }
    });
  }

  it('ignores members that it does not know', async () => {
    expect(await create({ priority: 'high' })).to.match(/^CRD-/);
  });

  it('accepts an empty JSON body where none is needed', async () => {
    const path = `${base}/${await create()}`;
    const headers = { 'content-type': 'application/json' };
    for (const [method, suffix] of [
      ['GET', ''],
      ['POST', '/deactivate'],
      ['POST', '/activate'],
      ['DELETE', ''],
    ] as const) {
      const reply = await call({ method, path: path + suffix, token, headers });
      expect(reply.status, `${method} ${suffix}`).to.equal(200);
    }
  });

  describe('in a separate workspace', () => {
    let own: string;

    before(async () => {
      const id = formatShortId('workspace', await coffer.createWorkspace('Lists'));
      own = `/frontend/workspaces/${id}/credentials`;
    });

    async function list(query: string): Promise<unknown> {
      const reply = await call({ path: own + query, token: coffer.adminToken });
      expect(reply.status, reply.text).to.equal(200);
      const names = Array.from(reply.text.matchAll(/"name":"([^"]+)"/g), ([, name]) => name);
      expect(reply.body).to.have.nested.property('data.count', names.length);
      expect(reply.body).to.have.nested.property('data.workspace_id', own.split('/')[3]);
      return names;
    }

    it('answers an empty list', async () => {
      expect(await list('')).to.deep.equal([]);
    });

    it('lists in the order of creation, of one type or of all, also what another dialect created', async () => {
      const admin = { method: 'POST', token: coffer.adminToken };
      await call({ ...admin, path: `${own}/api-key`, body: apiKeyBody({ name: 'First' }) });
      await call({ ...admin, path: `${own}/slack`, body: { name: 'Second', bot_token: 'xoxb-1' } });
      const workspace = own.split('/')[3] ?? '';
      for (const [name, type] of [
        ['Third', 'key'],
        ['Fourth', 'json'],
      ]) {
        const body = { name, type, payload: 'p' };
        await call({ ...admin, path: '/v5/credentials', headers: { 'x-selected-account-id': workspace }, body });
      }
      expect(await list('')).to.deep.equal(['First', 'Second', 'Third', 'Fourth']);
      expect(await list('?credential_type=')).to.deep.equal(['First', 'Second', 'Third', 'Fourth']);
      expect(await list('?credential_type=api_key')).to.deep.equal(['First', 'Third']);
      expect(await list('?credential_type=SLACK')).to.deep.equal(['Second']);
      expect(await list('?credential_type=Custom')).to.deep.equal(['Fourth']);
      expect(await list('?credential_type=JWT')).to.deep.equal([]);
    });
  });
});

function expectError(reply: RestReply, code: number, errorCode: string, message: string): void {
  expect(reply.body).to.deep.include({
    status: 'error',
    code,
    message: null,
    timestamp: '2024-01-01T00:00:00Z',
    error_message: message,
    error_code: errorCode,
  });
  expect(reply.body).to.have.all.keys(
    'status',
    'code',
    'message',
    'traceId',
    'timestamp',
    'error_message',
    'error_code',
  );
  expect(reply.status).to.equal(code);
  expect(reply.text).to.not.include(secretKey);
}
