import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { textOf } from '../support/json.ts';
import {
  countNamed,
  creationOf,
  credentialsPath,
  reasonOf,
  sendKeyed,
  type KeyedCall,
  type KeyedReply,
} from '../support/keyed-requests.ts';

describe('request ids', () => {
  let coffer: TestCoffer;
  before(async () => (coffer = await startCoffer()));
  after(() => coffer.stop());

  const send = (call: KeyedCall): Promise<KeyedReply> => sendKeyed(coffer, call);

  it('belong to the caller: to an API key, or to a user in all sessions', async () => {
    const key = 'of each caller';
    const tokens = [await coffer.issueKey({ role: 'EDITOR' }), await coffer.issueKey({ role: 'EDITOR' })];
    for (const token of tokens)
      expect(await send({ ...creationOf(key), key, token })).to.deep.include({ status: 200, isReplayed: false });
    expect(await countNamed(coffer, key)).to.equal(2);

    const made = await coffer.native('POST', '/v1/users', { user: { name: 'ann' }, password: 'a long password' });
    const member = { user_id: textOf(made, 'user', 'id'), role: 'EDITOR' };
    await coffer.native('POST', '/v1/workspaces/default/members', { member });
    const login = { user: 'ann', password: 'a long password' };
    const replies = [];
    for (let session = 0; session < 2; session += 1) {
      const token = textOf(await coffer.native('POST', '/v1/login', login), 'token');
      replies.push(await send({ ...creationOf('by a user'), key, token }));
    }
    expect(replies.map(({ isReplayed }) => isReplayed)).to.deep.equal([false, true]);
    expect(await countNamed(coffer, 'by a user')).to.equal(1);
  });

  it('belong to a workspace, whichever way it is named', async () => {
    const workspaceId = await coffer.createWorkspace('another');
    const there = creationOf('there');
    const key = 'in each workspace';
    expect((await send({ ...there, key })).isReplayed).to.equal(false);
    expect((await send({ ...there, path: `/v1/workspaces/${workspaceId}/credentials`, key })).isReplayed).to.equal(
      false,
    );
    for (const id of [coffer.defaultWorkspaceId, coffer.defaultWorkspaceShortId])
      expect((await send({ ...there, path: `/v1/workspaces/${id}/credentials`, key })).isReplayed).to.equal(true);
  });

  it('take the same request in other words for the same one', async () => {
    const key = 'in other words';
    const made = await coffer.native('POST', credentialsPath, {
      credential: { name: 'words' },
      secret: { key: 'value' },
    });
    const id = textOf(made, 'credential', 'id');
    const shortId = textOf(made, 'credential', 'short_id');
    const update = { method: 'PATCH', headers: { 'if-match': '"1"' } };
    const body = { auth_type: 'x', labels: { b: '2', a: '1' } };
    const first = await send({ ...update, path: `${credentialsPath}/${id}`, body, key });
    expect([first.status, first.isReplayed]).to.deep.equal([200, false]);
    const other = { labels: { a: '1', b: '2' }, authType: 'x' };
    for (const one of [id.toUpperCase(), shortId]) {
      const again = await send({ ...update, path: `${credentialsPath}/${one}`, body: other, key });
      expect(again).to.deep.include({ status: 200, isReplayed: true, text: first.text });
      expect(again.headers.get('etag')).to.equal(first.headers.get('etag'));
    }
    const unconditional = await send({ method: 'PATCH', path: `${credentialsPath}/${id}`, body, key });
    expect([unconditional.status, reasonOf(unconditional)]).to.deep.equal([400, 'REQUEST_ID_REUSED']);
  });

  it('are refused for another rpc and for another secret', async () => {
    const key = 'for one thing';
    const { body } = await send({ ...creationOf('thing'), key });
    const id = textOf(Object(body), 'credential', 'id');
    const other = creationOf('thing', { secret: { key: 'another value' } });
    for (const call of [{ method: 'DELETE', path: `${credentialsPath}/${id}` }, other]) {
      const refused = await send({ ...call, key });
      expect([refused.status, reasonOf(refused)]).to.deep.equal([400, 'REQUEST_ID_REUSED']);
      expect(refused.text).not.to.include('another value');
    }
    expect((await send({ path: `${credentialsPath}/${id}` })).status).to.equal(200);
  });

  it('answer after the credential was changed, deleted, and the deletion repeated', async () => {
    const first = await send({ ...creationOf('short-lived'), key: 'create it' });
    const path = `${credentialsPath}/${textOf(Object(first.body), 'credential', 'id')}`;
    const remove = { method: 'DELETE', path, headers: { 'if-match': '"2"' }, key: 'delete it' };
    await send({ method: 'PATCH', path, body: { description: 'changed' } });
    const removed = await send(remove);
    expect(removed.status).to.equal(200);
    expect(await send(remove)).to.deep.include({ status: 200, isReplayed: true, text: removed.text });
    expect(await send({ ...creationOf('short-lived'), key: 'create it' })).to.deep.include({
      status: 200,
      isReplayed: true,
      text: first.text,
    });
    expect(await countNamed(coffer, 'short-lived')).to.equal(0);
  });

  it('are decided anew after a refusal', async () => {
    const scale = { method: 'POST', path: '/v5/credentials', body: { type: 'key', name: 'taken', payload: 'p' } };
    const holder = await send(scale);
    const refused = await send({ ...scale, key: 'a name' });
    expect([refused.status, refused.isReplayed]).to.deep.equal([409, false]);
    await send({ method: 'DELETE', path: `/v5/credentials/${textOf(Object(holder.body), 'id')}` });
    expect(await send({ ...scale, key: 'a name' })).to.deep.include({ status: 200, isReplayed: false });
    expect(await send({ ...scale, key: 'a name' })).to.deep.include({ status: 200, isReplayed: true });
  });

  it('are checked as the first time: a caller who lost the role gets no answer', async () => {
    const made = await coffer.native('POST', '/v1/users', { user: { name: 'bob' }, password: 'a long password' });
    const userId = textOf(made, 'user', 'id');
    const member = { user_id: userId, role: 'EDITOR' };
    await coffer.native('POST', '/v1/workspaces/default/members', { member });
    const login = { user: 'bob', password: 'a long password' };
    const token = textOf(await coffer.native('POST', '/v1/login', login), 'token');
    const create = { ...creationOf('by bob'), key: 'by bob', token };
    expect((await send(create)).status).to.equal(200);
    await coffer.native('POST', '/v1/workspaces/default/members', { member: { ...member, role: 'VIEWER' } });
    expect(await send(create)).to.deep.include({ status: 403, isReplayed: false });
  });

  it('are checked against the scope of a key before an earlier answer', async () => {
    const body = { credential: { name: 'in scope', tags: ['a'] }, secret: { key: 'value' } };
    const made = await coffer.native('POST', credentialsPath, body);
    const path = `${credentialsPath}/${textOf(made, 'credential', 'id')}`;
    const token = await coffer.issueKey({ role: 'EDITOR', tags: ['a'] });
    const update = { method: 'PATCH', path, body: { description: 'mine' }, key: 'in scope', token };
    const first = await send(update);
    expect(first.status).to.equal(200);
    const move = (tag: string) => coffer.native('PATCH', path, { tags: [tag] });
    await move('b');
    expect(await send(update)).to.deep.include({ status: 404, isReplayed: false });
    await move('a');
    expect(await send(update)).to.deep.include({ status: 200, isReplayed: true, text: first.text });
  });

  it('have 1 to 255 printable characters, in quotes or not', async () => {
    for (const key of ['', '""', 'x'.repeat(256), 'é', 'a\tb']) {
      const refused = await send({ ...creationOf('malformed'), key });
      expect([refused.status, reasonOf(refused)], key).to.deep.equal([400, 'INVALID_ARGUMENT']);
    }
    const key = `${'x'.repeat(250)} y/z`;
    expect((await send({ ...creationOf('long'), key })).status).to.equal(200);
    expect((await send({ ...creationOf('long'), key: `"${key}"` })).isReplayed).to.equal(true);
  });

  it('are UUIDs in the message, and equal to the header if both are sent', async () => {
    const id = randomUUID();
    const named = creationOf('by field', { request_id: id });
    expect((await send(named)).isReplayed).to.equal(false);
    expect((await send({ ...named, key: id.toUpperCase() })).isReplayed).to.equal(true);
    expect((await send({ ...creationOf('by field'), key: id })).isReplayed).to.equal(true);
    expect((await send({ ...named, key: 'another' })).status).to.equal(400);
    expect((await send(creationOf('by field', { request_id: 'no UUID' }))).status).to.equal(400);
    expect(await countNamed(coffer, 'by field')).to.equal(1);
  });

  it('have no effect on reads and reveals', async () => {
    const key = 'for everything';
    const { body } = await send(creationOf('read twice'));
    const path = `${credentialsPath}/${textOf(Object(body), 'credential', 'id')}`;
    for (const call of [{ path }, { method: 'POST', path: `${path}:reveal` }]) {
      for (const each of [key, key, 'x'.repeat(300)])
        expect(await send({ ...call, key: each })).to.deep.include({ status: 200, isReplayed: false });
    }
    const events = await coffer.native('GET', '/v1/workspaces/default/auditEvents?action=secrets.reveal');
    expect(Object(events).audit_events).to.have.length(3);
  });

  it('leave no record of what is only checked', async () => {
    const checked = creationOf('checked', { validate_only: true });
    for (let time = 0; time < 2; time += 1)
      expect(await send({ ...checked, key: 'checked' })).to.deep.include({ status: 200, isReplayed: false });
    expect(await send({ ...creationOf('checked'), key: 'checked' })).to.deep.include({
      status: 200,
      isReplayed: false,
    });
  });

  it('repeat an API key without its token', async () => {
    const issue = { method: 'POST', path: '/v1/workspaces/default/apiKeys', body: { name: 'k', role: 'VIEWER' } };
    const first = await send({ ...issue, key: 'a key' });
    const again = await send({ ...issue, key: 'a key' });
    expect(Object(first.body).token).to.match(/^cof_/);
    expect(again.isReplayed).to.equal(true);
    expect(again.body).to.deep.equal({ ...Object(first.body), token: '' });
  });

  it('are refused as another request in the form of each dialect, and never as a conflict', async () => {
    const bodies = {
      flowise: [
        '/flowise/api/v1/credentials/',
        { name: 'n', credentialName: 'openAIApi', plainDataObj: { k: 'v' } },
        400,
      ],
      fishnet: ['/api/credentials', { service: 'openai', name: 'n', key: 'k' }, 400],
      mielto: [
        '/mielto/api/v1/credentials',
        {
          label: 'n',
          auth_type: 'api_key',
          credential_type: 'llm',
          credential_scope: 'w',
          credentials: { api_key: 'k' },
        },
        422,
      ],
      scale: ['/v5/credentials', { type: 'key', name: 'n of scale', payload: 'p' }, 422],
      miniflow: [
        `/frontend/workspaces/${coffer.defaultWorkspaceShortId}/credentials/api-key`,
        { name: 'n of miniflow', api_key: 'k', provider: 'openai' },
        400,
      ],
    } as const;
    for (const [dialect, [path, body, status]] of Object.entries(bodies)) {
      const call = { method: 'POST', path, key: `in ${dialect}` };
      const first = await send({ ...call, body });
      expect(first.status, first.text).to.be.within(200, 201);
      expect(await send({ ...call, body }), dialect).to.deep.include({ status: first.status, isReplayed: true });
      const refused = await send({ ...call, body: { ...body, provider: 'another', name: 'm', label: 'm' } });
      expect([refused.status, refused.isReplayed], refused.text).to.deep.equal([status, false]);
      expect(refused.text).to.include('was used for another request');
    }
  });

  it('are counted by rpc where they are repeated', async () => {
    await send({ ...creationOf('counted'), key: 'counted' });
    const before = await replaysOf('coffer.v1.CredentialService/CreateCredential');
    for (let time = 0; time < 3; time += 1) await send({ ...creationOf('counted'), key: 'counted' });
    expect(await replaysOf('coffer.v1.CredentialService/CreateCredential')).to.equal(before + 3);
  });

  async function replaysOf(rpc: string): Promise<number> {
    const { text } = await send({ path: '/metrics' });
    const line = text.split('\n').find((one) => one.startsWith('coffer_replayed_requests_total') && one.includes(rpc));
    return Number(line?.split(' ').at(-1) ?? 0);
  }
});
