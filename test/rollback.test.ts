import { expect } from 'chai';
import { Client } from 'pg';
import { startCoffer, type TestCoffer } from './support/coffer.ts';
import { memberOf, textOf } from './support/json.ts';

describe('versions of a secret, where somebody writes to the database', () => {
  let coffer: TestCoffer;
  let superuser: Client;
  let id: string;

  before(async () => {
    coffer = await startCoffer();
    superuser = new Client(coffer.database.connection);
    await superuser.connect();
  });

  after(async () => {
    await superuser.end();
    await coffer.stop();
  });

  beforeEach(async () => {
    id = await create('first');
    await coffer.native('PATCH', `/mielto/api/v1/credentials/${id}`, { credentials: { key: 'second' } });
  });

  async function create(key: string): Promise<string> {
    return textOf(await native('', { credential: { name: 'n' }, secret: { key } }), 'credential', 'id');
  }

  const native = (path: string, body: object) =>
    coffer.native('POST', `/v1/workspaces/default/credentials${path}`, JSON.parse(JSON.stringify(body)));

  const reveal = async () => memberOf(await native(`/${id}:reveal`, {}), 'secret', 'key');

  const tamper = (text: string, ...values: unknown[]) => superuser.query(text, values);

  /** How many versions the trail tells of. */
  async function versionsInTrail(): Promise<number> {
    const path = `/v1/workspaces/default/auditEvents?resource_id=${id}`;
    const events = memberOf(await coffer.native('GET', path), 'audit_events');
    if (!Array.isArray(events)) throw new Error('there are no events');
    return events.filter((event) => {
      const [action, outcome] = [textOf(event, 'action'), textOf(event, 'outcome')];
      return outcome === 'OK' && ['credentials.create', 'secrets.add_version'].includes(action);
    }).length;
  }

  async function versionOfRow(): Promise<unknown> {
    return (await tamper('select current_version from credential where id = $1', id)).rows[0].current_version;
  }

  const isIntact = async () => (await coffer.native('POST', '/v1/auditTrail:verify', {}))['intact'];

  it('are as many as the trail tells of', async () => {
    expect(await reveal()).to.equal('second');
    expect([await versionOfRow(), await versionsInTrail()]).to.deep.equal([2, 2]);
  });

  it('open when an earlier one is put back; the trail tells that there was a later one', async () => {
    await tamper('update credential set current_version = 1 where id = $1', id);
    expect(await reveal()).to.equal('first');
    expect([await versionOfRow(), await versionsInTrail()]).to.deep.equal([1, 2]);
    expect(await isIntact()).to.equal(true);
  });

  it('do not open in the place of one another', async () => {
    await tamper(
      `update credential_version v set sealed = o.sealed, key_id = o.key_id from credential_version o
       where v.credential_id = $1 and o.credential_id = $1 and v.version = 2 and o.version = 1`,
      id,
    );
    await expectUnreadable();
  });

  it('do not open in the place of those of another credential', async () => {
    const other = await create('of another');
    await tamper(
      `update credential_version v set sealed = o.sealed, key_id = o.key_id from credential_version o
       where v.credential_id = $1 and v.version = 2 and o.credential_id = $2 and o.version = 1`,
      id,
      other,
    );
    await expectUnreadable();
  });

  it('are missed when the current one is removed', async () => {
    await tamper('delete from credential_version where credential_id = $1 and version = 2', id);
    await reveal().then(
      () => expect.fail('it was revealed'),
      (error: unknown) => expect(String(error)).not.to.include('second'),
    );
  });

  /** The reveal fails, says nothing of a secret, and is in the trail as failed. */
  async function expectUnreadable(): Promise<void> {
    await reveal().then(
      () => expect.fail('it was revealed'),
      (error: unknown) => expect(String(error)).not.to.match(/first|second|of another/),
    );
    const path = `/v1/workspaces/default/auditEvents?resource_id=${id}&page_size=1`;
    const [event] = Object(memberOf(await coffer.native('GET', path), 'audit_events'));
    expect(event).to.include({ action: 'secrets.reveal', outcome: 'FAILED' });
    expect(await isIntact()).to.equal(true);
  }
});
