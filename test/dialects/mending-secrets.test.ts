import { expect } from 'chai';
import { Client } from 'pg';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { memberOf, textOf } from '../support/json.ts';
import { restClient, type RestCall, type RestReply } from './call-rest.ts';
import { creations, marker, secretWriters } from './secret-writers.ts';

const credentials = '/v1/workspaces/default/credentials';

describe('a credential whose secret cannot be read', () => {
  let coffer: TestCoffer;
  let superuser: Client;
  let call: (request: RestCall) => Promise<RestReply>;

  before(async () => {
    coffer = await startCoffer();
    superuser = new Client(coffer.database.connection);
    await superuser.connect();
    const send = restClient(coffer.origin);
    const token = await coffer.issueKey({ role: 'EDITOR' });
    call = (request) => send({ token, ...request });
  });

  after(async () => {
    await superuser?.end();
    await coffer?.stop();
  });

  const faults = {
    'changed bytes': 'update credential_version set sealed = set_byte(sealed, 70, get_byte(sealed, 70) # 1)',
    'bytes of an unknown key': 'update credential_version set sealed = set_byte(sealed, 1, get_byte(sealed, 1) # 1)',
    'no bytes': `update credential_version set sealed = ''`,
    'no version': 'delete from credential_version',
  };

  async function createUnreadable(damage: string): Promise<string> {
    const body = { credential: { name: 'n', provider: 'openai' }, secret: { api_key: 'old' } };
    const id = textOf(await coffer.native('POST', credentials, body), 'credential', 'id');
    await superuser.query(`${damage} where credential_id = $1`, [id]);
    return id;
  }

  async function outcomesOf(id: string): Promise<string[]> {
    const text = `select action || ' ' || outcome as event from audit_event where resource_id = $1 order by id`;
    return (await superuser.query<{ event: string }>(text, [id])).rows.map(({ event }) => event);
  }

  for (const [title, write] of Object.entries(secretWriters)) {
    for (const [fault, damage] of Object.entries(faults)) {
      it(`is mended by a whole new secret: ${title}, ${fault}`, async () => {
        const id = await createUnreadable(damage);
        const { status, text } = await call(write(id, { openAIApiKey: 'new' }));
        expect(status, text).to.equal(200);
        const revealed = await coffer.native('POST', `${credentials}/${id}:reveal`, {});
        expect(Object.values(Object(memberOf(revealed, 'secret')))).to.deep.equal(['new']);
        expect(await outcomesOf(id)).to.include('secrets.add_version OK');
      });
    }

    it(`is not mended by what stands for a present value: ${title}`, async () => {
      const id = await createUnreadable(faults['changed bytes']);
      const sent = title.startsWith('flowise') ? marker : '********';
      const { status } = await call(write(id, { openAIApiKey: 'new', api_key: sent }));
      expect(status).to.equal(500);
      expect(await outcomesOf(id)).to.include('secrets.add_version FAILED');
    });

    it(`stays refused where its row was changed outside: ${title}`, async () => {
      const id = await createUnreadable(faults['changed bytes']);
      await superuser.query(`update credential set provider = 'other' where id = $1`, [id]);
      expect((await call(write(id, { openAIApiKey: 'new' }))).status).to.equal(500);
      expect(await outcomesOf(id)).to.not.include('secrets.add_version OK');
    });
  }

  it('is reported as sound by verification after it was mended', async () => {
    const id = await createUnreadable(faults['changed bytes']);
    expect((await call(secretWriters['flowise PUT']?.(id, { openAIApiKey: 'new' }) ?? { path: '' })).status).to.equal(
      200,
    );
    const { faults: found = [] } = await coffer.native('POST', '/v1/auditTrail:verify', {});
    expect(JSON.stringify(found)).to.not.include(`credential ${id} was`);
  });

  for (const [dialect, create] of Object.entries(creations)) {
    it(`is not what a create is refused with where the workspace's key is damaged: ${dialect}`, async () => {
      const workspaceId = await coffer.createWorkspace(`damaged ${dialect}`);
      const token = await coffer.issueKey({ role: 'EDITOR', workspaceId });
      await superuser.query('delete from workspace_key where workspace_id = $1', [workspaceId]);
      const { status, text } = await call({ token, ...create('name', workspaceId) });
      expect(status).to.equal(500);
      expect(text).to.not.match(/secret[ _](cannot be read|unreadable)/i);
    });
  }
});
