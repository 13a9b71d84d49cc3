import { expect } from 'chai';
import { Client } from 'pg';
import { startCoffer, type TestCoffer } from '../support/coffer.ts';
import { memberOf, textOf } from '../support/json.ts';

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
  });

  async function create(key: string): Promise<string> {
    return textOf(await native('', { credential: { name: 'n' }, secret: { key } }), 'credential', 'id');
  }

  const native = (path: string, body: object) =>
    coffer.native('POST', `/v1/workspaces/default/credentials${path}`, JSON.parse(JSON.stringify(body)));

  const replace = async () =>
    coffer.native('PATCH', `/mielto/api/v1/credentials/${id}`, { credentials: { key: 'second' } });

  const reveal = async () => memberOf(await native(`/${id}:reveal`, {}), 'secret', 'key');

  const tamper = (text: string, ...values: unknown[]) => superuser.query(text, values);

  /** What verifying tells of the credential. */
  async function faults(): Promise<string[]> {
    const answer = await coffer.native('POST', '/v1/auditTrail:verify', {});
    const all = answer['faults'];
    if (!Array.isArray(all)) return [];
    return all.map((fault) => textOf(fault, 'message')).filter((message) => message.includes(id));
  }

  it('are as the trail records', async () => {
    await replace();
    expect(await reveal()).to.equal('second');
    expect(await faults()).to.deep.equal([]);
  });

  it('do not open where another one is made the current one', async () => {
    await replace();
    await tamper('update credential set current_version = 1 where id = $1', id);
    await expectUnreadable();
    const [first, second] = await faults();
    expect(first).to.include(`credential ${id}`).and.include('was changed');
    expect(second).to.include(`version 2 of credential ${id}`).and.include('was inserted');
  });

  it('open when all that was written of an earlier one is restored, which the trail reveals', async () => {
    await tamper(
      'create table kept as select current_version, revision, updated_at, mac from credential where id = $1',
      id,
    );
    await replace();
    await tamper(
      `update credential set (current_version, revision, updated_at, mac) =
         (select current_version, revision, updated_at, mac from kept) where id = $1`,
      id,
    );
    await tamper('drop table kept');
    await tamper('delete from credential_version where credential_id = $1 and version = 2', id);
    expect(await reveal()).to.equal('first');
    expect((await faults()).join()).to.include('was restored to revision 1: the trail has revision 2');
    await replace();
    expect((await faults()).join()).to.include('the trail has two states of one revision');
  });

  it('do not open in the place of one another', async () => {
    await replace();
    await tamper(
      `update credential_version v set sealed = o.sealed, key_id = o.key_id from credential_version o
       where v.credential_id = $1 and o.credential_id = $1 and v.version = 2 and o.version = 1`,
      id,
    );
    await expectUnreadable();
    expect((await faults()).join())
      .to.include(`version 2 of credential ${id}`)
      .and.include('was changed after it was sealed');
  });

  it('do not open in the place of those of another credential', async () => {
    const other = await create('of another');
    await tamper(
      `update credential_version v set sealed = o.sealed, key_id = o.key_id from credential_version o
       where v.credential_id = $1 and v.version = 1 and o.credential_id = $2 and o.version = 1`,
      id,
      other,
    );
    await expectUnreadable();
    expect((await faults()).join())
      .to.include(`version 1 of credential ${id}`)
      .and.include('was changed after it was sealed');
  });

  it('are missed when the current one is removed, and when an earlier one is', async () => {
    await replace();
    for (const version of [2, 1]) {
      await tamper('delete from credential_version where credential_id = $1 and version = $2', id, version);
      await expectUnreadable();
      expect((await faults()).join()).to.match(new RegExp(`version ${version} of credential ${id}.* missing`));
    }
  });

  it('are neither missed nor surplus where they were destroyed', async () => {
    await replace();
    await native(`/${id}/versions/1:destroy`, {});
    expect(await faults()).to.deep.equal([]);
    const { rows } = await superuser.query(
      'select * from credential_version where credential_id = $1 and version = 1',
      [id],
    );
    expect(Object(rows[0])).to.include({ state: 'destroyed', sealed: null, key_id: null });
  });

  it('are named where the row of a destroyed one is restored, or removed', async () => {
    await replace();
    await tamper('create table kept as select * from credential_version where credential_id = $1 and version = 1', id);
    await native(`/${id}/versions/1:destroy`, {});
    await tamper('delete from credential_version where credential_id = $1 and version = 1', id);
    expect((await faults()).join()).to.match(new RegExp(`version 1 of credential ${id}.* missing`));
    await tamper('insert into credential_version select * from kept');
    await tamper('drop table kept');
    expect((await faults()).join()).to.match(new RegExp(`credential_version .*${id}/1 was restored`));
  });

  it('are named where a pruned one is restored, or the number of the oldest is changed', async () => {
    await replace();
    await tamper('update credential set oldest_version = 2 where id = $1', id);
    const [changed, inserted] = await faults();
    expect(changed).to.include(`credential ${id}`).and.include('was changed');
    expect(inserted).to.include(`version 1 of credential ${id}`).and.include('were pruned');
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
  }
});
