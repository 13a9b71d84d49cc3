import { expect } from 'chai';
import { Client } from 'pg';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { JsonObject } from '../../src/vault/json.ts';
import { audience, newSigningKey, TestIssuer, type Claims } from '../authentication/oidc/test-issuer.ts';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { memberOf, parseObject, textOf } from '../support/json.ts';

interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

describe('a Coffer that believes an issuer of tokens', () => {
  const start = new Date('2030-01-01T00:00:00Z');
  let time = start;
  let issuer: TestIssuer;
  let coffer: TestCoffer;
  let logged = '';

  before(async () => {
    issuer = await TestIssuer.start();
    const { port } = new URL(issuer.url);
    await issuer.stop();
    // It starts though nobody answers there.
    coffer = await startCoffer({
      now: () => time,
      environment: { COFFER_OIDC_ISSUER: issuer.url, COFFER_OIDC_AUDIENCE: audience },
      log: pino(new Writable({ write: (chunk, _, done) => ((logged += String(chunk)), done()) })),
    });
    const early = await call('GET', '/v1/whoami', await tokenOf({}));
    expect(early.status).to.equal(503);
    await issuer.listen(Number(port));
    time = new Date(start.getTime() + 60_000);
  });
  after(async () => {
    await coffer.stop();
    await issuer[Symbol.asyncDispose]();
  });

  const tokenOf = (claims: Claims): Promise<string> =>
    issuer.sign({ coffer_workspace: coffer.defaultWorkspaceId, coffer_role: 'EDITOR', ...claims }, time);

  async function call(method: string, path: string, token: string, body?: object): Promise<Answer> {
    const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
    const response = await fetch(coffer.origin + path, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: parseObject(await response.text()) };
  }

  const create = (token: string) =>
    call('POST', '/v1/workspaces/default/credentials', token, {
      credential: { name: 'GitHub' },
      secret: { token: 'ghp_example' },
    });

  async function select(sql: string, values: readonly unknown[]): Promise<readonly JsonObject[]> {
    const client = new Client(coffer.database.connection);
    await client.connect();
    try {
      return (await client.query<JsonObject>(sql, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  it('identifies the holder of a token', async () => {
    const { status, body } = await call('GET', '/v1/whoami', await tokenOf({}));
    expect(status).to.equal(200);
    expect(body).to.include({ kind: 'user', name: 'alice', default_workspace_id: coffer.defaultWorkspaceId });
    expect(body['is_owner']).to.equal(false);
    expect(textOf(body, 'user_id')).to.equal(textOf(body, 'id'));
  });

  it('permits what the role allows, and records who acted and the authentication method', async () => {
    const token = await tokenOf({ sub: 'carol' });
    const created = await create(token);
    expect(created.status).to.equal(200);
    const id = textOf(created.body, 'credential', 'id');
    const revealed = await call('POST', `/v1/workspaces/default/credentials/${id}:reveal`, token);
    expect(memberOf(revealed.body, 'secret')).to.deep.equal({ token: 'ghp_example' });
    const who = await call('GET', '/v1/whoami', token);
    const events = await select('select * from audit_event where resource_id = $1 order by id', [id]);
    expect(events.map(({ action }) => action)).to.deep.equal(['credentials.create', 'secrets.reveal']);
    for (const event of events) {
      const actor = { actor_kind: 'user', actor_id: textOf(who.body, 'id'), actor_name: 'carol' };
      expect(event).to.include({ ...actor, authentication: 'oidc', outcome: 'OK' });
    }
  });

  it('permits no more than the role allows', async () => {
    expect((await create(await tokenOf({ coffer_role: 'VIEWER' }))).status).to.equal(403);
    expect((await create(await tokenOf({ coffer_role: 'RUNTIME' }))).status).to.equal(403);
    const made = await call('POST', '/v1/workspaces', await tokenOf({ coffer_role: 'ADMIN' }), {
      workspace: { name: 'x' },
    });
    expect(made.status).to.equal(403);
  });

  it('shows only the workspaces of the token', async () => {
    const other = await coffer.createWorkspace('other');
    const token = await tokenOf({ coffer_role: 'ADMIN' });
    const foreign = await call('GET', `/v1/workspaces/${other}/credentials`, token);
    const absent = await call('GET', '/v1/workspaces/018cc251-f400-7000-8000-00000000dead/credentials', token);
    expect([foreign.status, absent.status]).to.deep.equal([404, 404]);
    const { body } = await call('GET', '/v1/workspaces', token);
    expect(memberOf(body, 'workspaces')).to.have.lengthOf(1);
    const both = await tokenOf({ coffer_workspace: [coffer.defaultWorkspaceShortId, other], coffer_role: 'VIEWER' });
    expect((await call('GET', `/v1/workspaces/${other}/credentials`, both)).status).to.equal(200);
  });

  it('lets an admin issue an API key, which acts on their behalf and has its own expiry', async () => {
    const admin = await tokenOf({ sub: 'dave', coffer_role: 'ADMIN' });
    const path = `/v1/workspaces/default/apiKeys`;
    const issued = await call('POST', path, admin, { name: 'ci', role: 'EDITOR' });
    expect(issued.status).to.equal(200);
    expect((await call('POST', path, admin, { name: 'second', role: 'VIEWER' })).status).to.equal(200);
    const who = await call('GET', '/v1/whoami', admin);
    expect(textOf(issued.body, 'api_key', 'created_by')).to.equal(textOf(who.body, 'id'));
    const key = textOf(issued.body, 'token');
    expect((await create(key)).status).to.equal(200);
    const rows = await select('select name, is_owner from "user" where id = $1', [textOf(who.body, 'id')]);
    expect(rows).to.deep.equal([{ name: 'dave', is_owner: false }]);
    const revoked = await call('POST', `${path}/${textOf(issued.body, 'api_key', 'id')}:revoke`, admin, {});
    expect(revoked.status).to.equal(200);
    expect((await create(key)).status).to.equal(401);
  });

  it('refuses a token that grants nothing, is over, or is another issuer’s', async () => {
    const forger = await newSigningKey('forger');
    const forged = await issuer.sign({ coffer_workspace: coffer.defaultWorkspaceId, coffer_role: 'ADMIN' }, time, {
      key: forger,
    });
    const over = Math.floor(time.getTime() / 1_000) - 61;
    const tokens = [forged, await tokenOf({ coffer_role: 'OWNER' }), await tokenOf({ exp: over }), 'e30.e30.c2ln'];
    for (const token of tokens) expect((await create(token)).status).to.equal(401);
  });

  it('takes a token in every dialect, in x-api-key too', async () => {
    const token = await tokenOf({});
    const scale = await fetch(`${coffer.origin}/v5/credentials`, {
      method: 'POST',
      headers: { 'x-api-key': token, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'key', name: 'by token', payload: 'sk-example' }),
    });
    expect(scale.status).to.equal(200);
    const miniflow = `/frontend/workspaces/${coffer.defaultWorkspaceShortId}/credentials`;
    expect((await call('GET', miniflow, token)).status).to.equal(200);
    expect((await call('GET', miniflow, 'e30.e30.c2ln')).status).to.equal(401);
  });

  it('leaves what anybody may call to the holder of a bad token', async () => {
    const response = await fetch(`${coffer.origin}/api/auth/status`, {
      headers: { authorization: 'Bearer e30.e30.c2ln' },
    });
    expect(response.status).to.equal(200);
  });

  it('writes no token to its log', () => {
    expect(logged).to.include('could not be fetched');
    expect(logged).not.to.match(/eyJ/);
  });
});
