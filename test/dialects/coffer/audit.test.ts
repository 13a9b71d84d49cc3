import { expect } from 'chai';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { SecretService } from '../../../gen/coffer/v1/secret_service_pb.ts';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';

describe('the audit trail, through the native API', () => {
  let coffer: TestCoffer;
  let credentialId: string;

  before(async () => {
    coffer = await startCoffer();
    const secret = { api_key: 'k' };
    const created = await coffer.native('POST', '/v1/workspaces/default/credentials', {
      credential: { name: 'n' },
      secret,
    });
    credentialId = String(Reflect.get(Object(created['credential']), 'id'));
    await coffer.native('POST', `/v1/workspaces/default/credentials/${credentialId}:reveal`, {});
  });

  after(async () => {
    await coffer.stop();
  });

  async function call(method: string, path: string, token: string, body?: object) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(coffer.origin + path, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    const answer: unknown = await response.json();
    return { status: response.status, answer: Object(answer) };
  }

  const revealPath = () => `/v1/workspaces/default/credentials/${credentialId}:reveal`;
  const lastReveal = async () =>
    (await call('GET', '/v1/workspaces/default/auditEvents?action=secrets.reveal', coffer.adminToken)).answer
      .audit_events[0];
  const denials = async (path: string) =>
    (await call('GET', `${path}?action=access.denied`, coffer.adminToken)).answer.audit_events ?? [];

  it('lists the events of a workspace, the newest first, with all that is known of them', async () => {
    const { status, answer } = await call('GET', '/v1/workspaces/default/auditEvents', coffer.adminToken);
    expect(status).to.equal(200);
    expect(actions(answer)).to.deep.equal(['secrets.reveal', 'credentials.create']);
    const [reveal] = answer.audit_events;
    expect(reveal).to.deep.include({
      workspace_id: coffer.defaultWorkspaceId,
      authentication: 'api_key',
      resource_kind: 'credential',
      resource_id: credentialId,
      outcome: 'OK',
      protocol: 'rest',
      dialect: 'coffer',
      peer: '127.0.0.1',
      count: 1,
      purpose: '',
      version: 1,
      field: '',
      permission: '',
      related_id: '',
    });
    expect(reveal.actor).to.include({ kind: 'api_key', name: 'admin' });
    expect(reveal.request_id).to.be.a('string').and.not.equal('');
    expect(new Date(reveal.time).getTime()).to.be.closeTo(Date.now(), 60_000);
  });

  describe('of a reveal', () => {
    for (const [name, transport] of Object.entries({
      gRPC: createGrpcTransport,
      'gRPC-Web': createGrpcWebTransport,
      Connect: createConnectTransport,
    })) {
      it(`has the purpose and the version, over ${name}`, async () => {
        const client = createClient(SecretService, transport({ baseUrl: coffer.origin, httpVersion: '2' }));
        const headers = { authorization: `Bearer ${coffer.adminToken}` };
        const purpose = `over ${name}: “nightly” 🔑`;
        await client.revealSecret({ workspaceId: 'default', credentialId, purpose }, { headers });
        expect(await lastReveal()).to.include({ outcome: 'OK', purpose, version: 1, resource_id: credentialId });
      });
    }

    it('has a purpose of at most 255 characters', async () => {
      const longest = '🔑'.repeat(255);
      expect((await call('POST', revealPath(), coffer.adminToken, { purpose: longest })).status).to.equal(200);
      expect(await lastReveal()).to.include({ purpose: longest });
      for (const purpose of [`${longest}x`, 'a\0b']) {
        expect((await call('POST', revealPath(), coffer.adminToken, { purpose })).status).to.equal(400);
      }
      expect((await call('POST', revealPath(), coffer.adminToken, { purpose: '' })).status).to.equal(200);
      expect(await lastReveal()).to.include({ purpose: '' });
    });

    it('has the purpose also where the reveal is refused for the state of the credential', async () => {
      const path = `/v1/workspaces/default/credentials/${credentialId}`;
      await call('POST', `${path}:deactivate`, coffer.adminToken, {});
      const { status } = await call('POST', revealPath(), coffer.adminToken, { purpose: 'in vain' });
      expect(status).to.equal(400);
      expect(await lastReveal()).to.include({ outcome: 'DENIED', purpose: 'in vain', resource_id: credentialId });
      await call('POST', `${path}:activate`, coffer.adminToken, {});
    });

    it('is checked for the permission before its purpose', async () => {
      const viewer = await coffer.issueKey({ role: 'VIEWER' });
      const { status } = await call('POST', revealPath(), viewer, { purpose: 'x'.repeat(256) });
      expect(status).to.equal(403);
    });
  });

  it('lists in pages, and by action, actor, resource and time', async () => {
    const path = '/v1/workspaces/default/auditEvents';
    const first = await call('GET', `${path}?page_size=1`, coffer.adminToken);
    expect(actions(first.answer)).to.deep.equal(['secrets.reveal']);
    const token = first.answer.next_page_token;
    const second = await call('GET', `${path}?page_size=1&page_token=${token}`, coffer.adminToken);
    expect(actions(second.answer)).to.deep.equal(['credentials.create']);
    const queries: [string, number][] = [
      ['action=credentials.create', 1],
      ['action=credentials.delete', 0],
      [`resource_id=${credentialId}`, 2],
      ['actor_id=nobody', 0],
      [`actor_id=${first.answer.audit_events[0].actor.id}`, 2],
      ['start_time=2099-01-01T00:00:00Z', 0],
      ['end_time=2099-01-01T00:00:00Z', 2],
      ['start_time=2020-01-01T00:00:00Z&end_time=2020-01-02T00:00:00Z', 0],
    ];
    for (const [query, count] of queries) {
      const { status, answer } = await call('GET', `${path}?${query}`, coffer.adminToken);
      expect([status, actions(answer).length], query).to.deep.equal([200, count]);
    }
  });

  for (const filter of ['action', 'actor_id', 'resource_id']) {
    it(`lists by a text of at most 1024 characters: ${filter}`, async () => {
      for (const path of ['/v1/workspaces/default/auditEvents', '/v1/auditEvents']) {
        const statusOf = async (length: number) =>
          (await call('GET', `${path}?${filter}=${'x'.repeat(length)}`, coffer.adminToken)).status;
        expect([await statusOf(1_024), await statusOf(1_025)]).to.deep.equal([200, 400]);
      }
    });
  }

  it('shows the events of a workspace only to its admins', async () => {
    const editor = await coffer.issueKey({ role: 'EDITOR' });
    expect((await call('GET', '/v1/workspaces/default/auditEvents', editor)).status).to.equal(403);
    const other = await coffer.createWorkspace('other');
    const stranger = await coffer.issueKey({ role: 'ADMIN', workspaceId: other });
    expect((await call('GET', `/v1/workspaces/${coffer.defaultWorkspaceId}/auditEvents`, stranger)).status).to.equal(
      404,
    );
    const own = await call('GET', `/v1/workspaces/${other}/auditEvents`, stranger);
    expect(actions(own.answer)).to.deep.equal(['access.denied', 'api_keys.create', 'workspaces.create']);
  });

  it('shows the events of the instance to its owners only', async () => {
    const { answer } = await call('GET', '/v1/auditEvents', coffer.adminToken);
    expect(actions(answer)).to.include('instance.set_up');
    const admin = await coffer.issueKey({ role: 'ADMIN' });
    expect((await call('GET', '/v1/auditEvents', admin)).status).to.equal(403);
    expect((await call('POST', '/v1/auditTrail:verify', admin, {})).status).to.equal(403);
  });

  describe('of calls that are not let in', () => {
    it('names the caller and the credential, before the caller is answered, whatever the protocol', async () => {
      const viewer = await coffer.issueKey({ role: 'VIEWER' });
      const before = await denials('/v1/workspaces/default/auditEvents');
      const path = `/v1/workspaces/default/credentials/${credentialId}:reveal`;
      expect((await call('POST', path, viewer, {})).status).to.equal(403);
      const rpc = '/coffer.v1.SecretService/RevealSecret';
      const body = { workspace_id: 'default', credential_id: credentialId };
      expect((await call('POST', rpc, viewer, body)).status).to.equal(403);
      const after = await denials('/v1/workspaces/default/auditEvents');
      expect(after.length - before.length).to.equal(2);
      expect(after.map(({ protocol }: { protocol: string }) => protocol).slice(0, 2)).to.deep.equal([
        'connect',
        'rest',
      ]);
      const permission = 'secrets.reveal';
      const named = { outcome: 'DENIED', resource_kind: 'credential', resource_id: credentialId, permission };
      expect(after[0]).to.include(named);
      expect(after[1]).to.include(named);
      expect(after[0].actor.name).to.equal('a VIEWER key');
    });

    it('keeps an attempt on a foreign workspace in the caller’s own, and leaves the foreign one as it was', async () => {
      const other = await coffer.createWorkspace('targeted');
      const path = `/v1/workspaces/${other}/auditEvents`;
      const admin = await coffer.issueKey({ role: 'ADMIN' });
      const before = (await denials('/v1/workspaces/default/auditEvents')).length;
      await call('GET', path, admin);
      expect((await denials('/v1/workspaces/default/auditEvents')).length).to.equal(before + 1);
      expect(await denials(path)).to.deep.equal([]);
    });
  });

  it('verifies, also against heads that it returned before', async () => {
    const { answer: first } = await call('POST', '/v1/auditTrail:verify', coffer.adminToken, {});
    expect(first).to.deep.include({ intact: true, faults: [] });
    expect(Number(first.event_count)).to.be.greaterThan(2);
    const expected = { expected_heads: first.heads };
    const { answer: second } = await call('POST', '/v1/auditTrail:verify', coffer.adminToken, expected);
    expect(second.intact).to.equal(true);
    const absent = { expected_heads: { '018cc251-f400-7000-8000-0000000000aa': `7:${'0'.repeat(64)}` } };
    const { answer: third } = await call('POST', '/v1/auditTrail:verify', coffer.adminToken, absent);
    expect(third.intact).to.equal(false);
    expect(third.faults[0]).to.include({ kind: 'STREAM_MISSING', stream: '018cc251-f400-7000-8000-0000000000aa' });
  });

  it('refuses what is no head', async () => {
    for (const heads of [{ x: '1' }, { '018cc251-f400-7000-8000-0000000000aa': 'x' }]) {
      const { status } = await call('POST', '/v1/auditTrail:verify', coffer.adminToken, { expected_heads: heads });
      expect(status).to.equal(400);
    }
  });
});

function actions(answer: { audit_events?: { action: string }[] }): string[] {
  return (answer.audit_events ?? []).map(({ action }) => action);
}
