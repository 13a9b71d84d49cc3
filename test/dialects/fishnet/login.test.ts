import { Code, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect } from 'chai';
import { request } from 'node:http';
import { Client } from 'pg';
import { AuthService } from '../../../gen/fishnet/v1/auth_service_pb.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { connectCodeOf } from '../../support/refusals.ts';

const password = 'correct horse';
const start = new Date('2024-01-01T00:00:00Z');

describe('fishnet: /api/auth', () => {
  let coffer: TestCoffer;
  let now: Date;

  beforeEach(async () => {
    now = start;
    coffer = await startCoffer({ now: () => now });
  });
  afterEach(() => coffer.stop());

  async function call(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
    const response = await fetch(`${coffer.origin}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
  }

  async function asSuperuser(statement: string) {
    const client = new Client(coffer.database.connection);
    await client.connect();
    await client.query(statement);
    await client.end();
  }

  async function setUp(sent: object, headers: Record<string, string> = {}) {
    const { status, body } = await call('POST', '/api/auth/setup', sent, headers);
    return { status, body };
  }

  async function logIn(sent: object = { password }) {
    const { status, body } = await call('POST', '/api/auth/login', sent);
    return { status, body };
  }

  async function create(token: string) {
    const body = { service: 'openai', name: 'primary', key: 'sk-1' };
    return call('POST', '/api/credentials', body, { authorization: `Bearer ${token}` });
  }

  /** The status of revealing what a new session has created. */
  async function revealBySession(): Promise<number> {
    const { body: session } = await logIn();
    const { body: credential } = await create(session.token);
    const path = `/v1/workspaces/default/credentials/${credential.id}:reveal`;
    return (await call('POST', path, {}, { authorization: `Bearer ${session.token}` })).status;
  }

  async function askStatus(headers: Record<string, string> = {}) {
    const answer = await call('GET', '/api/auth/status', undefined, headers);
    expect(answer.status).to.equal(200);
    return answer.body;
  }

  it('leads a dashboard from its first start to a credential', async () => {
    expect(await askStatus()).to.deep.equal({ initialized: false, authenticated: false });
    expect(await setUp({ password, confirm: password })).to.deep.equal({
      status: 200,
      body: { success: true, message: 'password configured successfully' },
    });
    expect(await askStatus()).to.deep.equal({ initialized: true, authenticated: false });
    const session = await logIn();
    expect(session.status).to.equal(200);
    expect(session.body).to.have.all.keys('token', 'expires_at');
    expect(session.body.token).to.match(/^fn_sess_[0-9a-f]{64}$/);
    expect(session.body.expires_at).to.equal('2024-01-01T04:00:00Z');
    const headers = { authorization: `Bearer ${session.body.token}` };
    expect(await askStatus(headers)).to.deep.equal({ initialized: true, authenticated: true });
    expect((await create(session.body.token)).status).to.equal(201);
    const goodbye = await call('POST', '/api/auth/logout', undefined, headers);
    expect(goodbye.status).to.equal(200);
    expect(goodbye.body).to.deep.equal({ success: true });
    expect(await askStatus(headers)).to.deep.equal({ initialized: true, authenticated: false });
    const afterwards = await create(session.body.token);
    expect(afterwards.status).to.equal(401);
    expect(afterwards.body).to.deep.equal({ error: 'invalid or expired session token' });
  });

  it('is not set up again, from this machine, where a writer of the database took the password away', async () => {
    expect((await setUp({ password, confirm: password })).status).to.equal(200);
    await asSuperuser('update "user" set password_hash = null');
    const again = { password: 'another horse', confirm: 'another horse' };
    expect(await setUp(again)).to.deep.equal({ status: 409, body: { error: 'password already configured' } });
    expect((await logIn(again)).status).to.equal(401);
  });

  it("sets up in the owner's default workspace, whichever is the first in the database", async () => {
    await asSuperuser(
      `insert into workspace (id, name, created_by, created_at) values (gen_random_uuid(), 'w', gen_random_uuid(), now()),
        ('00000000-0000-7000-8000-000000000000', 'w', gen_random_uuid(), now())`,
    );
    expect((await setUp({ password, confirm: password })).status).to.equal(200);
    const { body } = await logIn();
    const who = await call('GET', '/v1/whoami', undefined, { authorization: `Bearer ${body.token}` });
    expect(who.body.default_workspace_id).to.equal(coffer.defaultWorkspaceId);
    expect(who.body.grants).to.have.length(1);
    expect(who.body.grants[0].workspace_id).to.equal(coffer.defaultWorkspaceId);
  });

  it('takes a bad token on status for none', async () => {
    for (const authorization of [
      'Bearer nonsense',
      `Bearer fn_sess_${'0'.repeat(64)}`,
      'Bearer a, Bearer b',
      'Basic eA==',
    ]) {
      expect(await askStatus({ authorization })).to.deep.equal({ initialized: false, authenticated: false });
    }
  });

  it('does not let a bad token stand in the way of setup and login', async () => {
    const headers = { authorization: 'Bearer nonsense' };
    expect((await setUp({ password, confirm: password }, headers)).status).to.equal(200);
    expect((await call('POST', '/api/auth/login', { password }, headers)).status).to.equal(200);
  });

  it('refuses a setup that is not acceptable, in the documented words', async () => {
    expect(await setUp({ password, confirm: 'another horse' })).to.deep.equal({
      status: 400,
      body: { error: 'passwords do not match' },
    });
    for (const sent of [{ password: '1234567', confirm: '1234567' }, {}]) {
      expect(await setUp(sent)).to.deep.equal({
        status: 400,
        body: { error: 'password must be at least 8 characters' },
      });
    }
    expect(await askStatus()).to.deep.equal({ initialized: false, authenticated: false });
  });

  it('sets a password once, and checks that before anything else', async () => {
    await setUp({ password, confirm: password });
    for (const sent of [{ password, confirm: password }, { password: 'x', confirm: 'y' }, {}]) {
      expect(await setUp(sent)).to.deep.equal({ status: 409, body: { error: 'password already configured' } });
    }
  });

  it('lets one of several setups at once succeed', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        setUp({ password: `${password}${index}`, confirm: `${password}${index}` }),
      ),
    );
    const statuses = answers.map((answer) => answer.status);
    expect(statuses).to.have.members([200, ...Array.from({ length: 7 }, () => 409)]);
    const winner = statuses.indexOf(200);
    expect((await logIn({ password: `${password}${winner}` })).status).to.equal(200);
  });

  for (const [title, headers] of [
    ['through a proxy', { 'x-forwarded-for': '127.0.0.1' }],
    ['through a proxy that says Forwarded', { forwarded: 'for=127.0.0.1' }],
    ['from a foreign page', { origin: 'https://attacker.example' }],
  ] as const) {
    it(`asks for the admin key where a setup comes ${title}`, async () => {
      expect(await setUp({ password, confirm: password }, headers)).to.deep.equal({
        status: 401,
        body: { error: 'missing or invalid authorization header' },
      });
      const admin = { ...headers, authorization: `Bearer ${coffer.adminToken}` };
      expect((await setUp({ password, confirm: password }, admin)).status).to.equal(200);
    });
  }

  it('asks for the admin key where a setup names a foreign host', async () => {
    const { port } = new URL(coffer.origin);
    const statusCode = await new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, method: 'POST', path: '/api/auth/setup' }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on('error', reject);
      sent.setHeader('host', `rebound.example:${port}`);
      sent.setHeader('content-type', 'application/json');
      sent.end(JSON.stringify({ password, confirm: password }));
    });
    expect(statusCode).to.equal(401);
  });

  it('refuses the setup by a key of another role from elsewhere', async () => {
    const token = await coffer.issueKey({ role: 'ADMIN' });
    const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': '127.0.0.1' };
    expect((await setUp({ password, confirm: password }, headers)).status).to.equal(403);
  });

  it('makes of a local setup an editor who reveals nothing, and of the admin key its owner', async () => {
    await setUp({ password, confirm: password });
    expect(await revealBySession()).to.equal(403);
    await coffer.stop();
    coffer = await startCoffer({ now: () => now });
    await setUp({ password, confirm: password }, { authorization: `Bearer ${coffer.adminToken}` });
    expect(await revealBySession()).to.equal(200);
  });

  it('ends a session after four hours, however much it is used', async () => {
    await setUp({ password, confirm: password });
    const { body: session } = await logIn();
    now = new Date(start.getTime() + 4 * 60 * 60 * 1_000 - 1);
    expect((await create(session.token)).status).to.equal(201);
    now = new Date(start.getTime() + 4 * 60 * 60 * 1_000);
    const late = await create(session.token);
    expect(late.status).to.equal(401);
    expect(late.body).to.deep.equal({ error: 'invalid or expired session token' });
  });

  it('ends the oldest of six sessions', async () => {
    await setUp({ password, confirm: password });
    const tokens: string[] = [];
    for (let round = 0; round < 6; round += 1) tokens.push((await logIn()).body.token);
    const statuses = await Promise.all(tokens.map(async (token) => (await create(token)).status));
    expect(statuses).to.deep.equal([401, 201, 201, 201, 201, 201]);
  });

  it('lets no more than five of many guesses at once be compared, then refuses the right password, too', async () => {
    await setUp({ password, confirm: password });
    const answers = await Promise.all(Array.from({ length: 12 }, () => logIn({ password: 'wrong guess' })));
    const refused = answers.filter((answer) => answer.status === 401);
    expect(refused).to.have.length(5);
    for (const { body } of refused) expect(body).to.deep.equal({ error: 'invalid password' });
    for (const answer of answers.filter(({ status: code }) => code !== 401)) {
      expect(answer).to.deep.equal({
        status: 429,
        body: { error: 'too many failed login attempts', retry_after_seconds: 60 },
      });
    }
    const throttled = await call('POST', '/api/auth/login', { password });
    expect(throttled.status).to.equal(429);
    expect(throttled.headers.get('retry-after')).to.equal('60');
    now = new Date(start.getTime() + 60_000);
    expect((await logIn()).status).to.equal(200);
  });

  it('takes a missing password for a wrong one', async () => {
    expect(await logIn({})).to.deep.equal({ status: 401, body: { error: 'invalid password' } });
    await setUp({ password, confirm: password });
    expect(await logIn({})).to.deep.equal({ status: 401, body: { error: 'invalid password' } });
    expect(await logIn({ password: 7 })).to.deep.equal({ status: 400, body: { error: 'password must be a string' } });
  });

  it('asks for a token to log out', async () => {
    const { status: code, body } = await call('POST', '/api/auth/logout', {});
    expect(code).to.equal(401);
    expect(body).to.deep.equal({ error: 'missing or invalid authorization header' });
  });

  it('speaks gRPC, too', async () => {
    const client = createClient(AuthService, createGrpcTransport({ baseUrl: coffer.origin }));
    const bad = { authorization: 'Bearer nonsense' };
    expect(await client.getStatus({}, { headers: bad })).to.include({ initialized: false, authenticated: false });
    await client.setUp({ password, confirm: password }, { headers: bad });
    expect(await connectCodeOf(client.setUp({ password, confirm: password }))).to.equal(Code.AlreadyExists);
    expect(await connectCodeOf(client.login({ password: 'wrong' }))).to.equal(Code.Unauthenticated);
    expect(await connectCodeOf(client.logout({}, { headers: bad }))).to.equal(Code.Unauthenticated);
    const { token, expiresAt } = await client.login({ password });
    expect(expiresAt?.seconds).to.equal(BigInt(start.getTime() / 1_000 + 4 * 60 * 60));
    const headers = { authorization: `Bearer ${token}` };
    expect(await client.getStatus({}, { headers })).to.include({ initialized: true, authenticated: true });
    expect(await client.logout({}, { headers })).to.include({ success: true });
    expect(await client.getStatus({}, { headers })).to.include({ initialized: true, authenticated: false });
  });
});
