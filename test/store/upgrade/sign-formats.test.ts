import { expect } from 'chai';
import { Client } from 'pg';
import { pino } from 'pino';
import { startCoffer, type TestCoffer } from '../../support/coffer.ts';
import { returnToFormerFormats } from '../../support/earlier-release.ts';
import { parseObject, textOf } from '../../support/json.ts';

const credentials = '/v1/workspaces/default/credentials';
const tables = ['workspace', 'user', 'api_key', 'credential_version'];

describe('rows of an earlier release', () => {
  let coffer: TestCoffer;
  let superuser: Client;
  let lines: Record<string, unknown>[];

  beforeEach(async () => {
    coffer = await startCoffer();
    superuser = new Client(coffer.database.connection);
    await superuser.connect();
    for (const name of ['one', 'two']) {
      const body = { credential: { name, provider: 'openai' }, secret: { key: name } };
      await coffer.native('POST', credentials, body);
      await coffer.native('POST', '/v1/workspaces/default/apiKeys', { name, role: 'VIEWER' });
      await coffer.native('POST', '/v1/users', { user: { name: `user ${name}` }, password: 'correct horse' });
    }
    await coffer.createWorkspace('another');
    await coffer.stop();
    await returnToFormerFormats(coffer);
  });

  afterEach(async () => {
    await superuser.end();
    await coffer.stop();
  });

  /** Starts the present release on them. */
  async function start(): Promise<void> {
    lines = [];
    const write = (line: string) => void lines.push(parseObject(line));
    const { database, environment } = coffer;
    coffer = await startCoffer({ database, environment, log: pino({ level: 'info' }, { write }) });
  }

  const run = async (text: string, ...values: unknown[]) =>
    (await superuser.query<Record<string, unknown>>(text, values)).rows;

  async function faults(): Promise<string[]> {
    const answer = await coffer.native('POST', '/v1/auditTrail:verify', {});
    const list = answer['faults'];
    return Array.isArray(list) ? list.map((fault) => textOf(fault, 'message')) : [];
  }

  const formats = async () =>
    (await run(`select heads from audit_ledger where kind = 'format' order by number`)).map(({ heads }) =>
      String(heads),
    );

  it('are signed once, with a line in the ledger for each table, and are genuine from then on', async () => {
    await start();
    expect(await faults()).to.deep.equal([]);
    const recorded = ['{"workspace":"workspace/1"}', '{"user":"user/2"}', '{"api_key":"api_key/2"}'];
    expect(await formats()).to.deep.equal([...recorded, '{"credential_version":"credential_version/1"}']);
    const signed = lines.filter(({ msg }) => msg === 'the rows are signed');
    expect(signed.map(({ table, signed: count, failed }) => [table, count, failed])).to.deep.equal([
      ['workspace', 2, 0],
      ['user', 3, 0],
      ['api_key', 3, 0],
      ['credential_version', 2, 0],
    ]);
    await coffer.native('GET', credentials);
  });

  it('are not signed again, nor believed, where they are put back later', async () => {
    const before = await run('select id, mac from api_key');
    await start();
    await coffer.stop();
    for (const { id, mac } of before)
      await run('update api_key set mac = $2 where id = $1 and role is not null', id, mac);
    await run('update credential_version set mac = null');
    await start();
    const found = await faults();
    expect(found.filter((message) => message.startsWith('api_key '))).to.have.length(2);
    expect(found.filter((message) => message.startsWith('version 1 of '))).to.have.length(2);
    expect(await formats()).to.have.length(tables.length);
  });

  it('stay as they are, and are named, where their MAC fails, or their bytes are of another place', async () => {
    await run(`update api_key set role = 'ADMIN' where name = 'one'`);
    await run(`update "user" set is_owner = true where name = 'user one'`);
    await run(`
      update credential_version v set sealed = o.sealed from credential_version o, credential c
      where c.name = 'one' and v.credential_id = c.id and o.credential_id <> c.id`);
    await start();
    const found = (await faults()).map((message) =>
      message.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID'),
    );
    expect(found).to.have.members([
      'user ID was changed or inserted',
      'api_key ID was changed or inserted',
      'version 1 of credential ID of workspace ID was changed',
    ]);
    const named = lines.filter(({ msg }) => msg === 'a row fails its present MAC: it is not signed again');
    expect(named.map(({ table }) => table)).to.deep.equal(['user', 'api_key', 'credential_version']);
  });

  it('stay as they are where the trail records that their state ended', async () => {
    const [{ id, mac, password_hash: hash } = {}] = await run(`select * from "user" where name = 'user one'`);
    await run(
      `update audit_event set resource_state = encode(substr($2::bytea, 1, 16), 'hex') where action = 'users.create' and resource_id = $1`,
      id,
      mac,
    );
    await start();
    const [row] = await run('select mac, password_hash from "user" where id = $1', id);
    expect(row).to.deep.equal({ mac, password_hash: hash });
    expect((await faults()).join()).to.include(`user ${String(id)} was changed`);
  });

  it('are all signed in the end where a start failed in the middle', async () => {
    await run(`create function fail() returns trigger language plpgsql as $$ begin raise 'broken off'; end $$`);
    for (const table of tables.toReversed()) {
      await run(`create trigger fail before update of mac on "${table}" execute function fail()`);
    }
    for (const table of tables) {
      const failure = await start().then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(String(failure), table).to.include('the database refused a statement');
      await run(`drop trigger fail on "${table}"`);
    }
    await start();
    expect(await faults()).to.deep.equal([]);
    expect(await formats()).to.have.length(tables.length);
  });

  it('are all signed in the end where a start failed behind the first thousand of a table', async () => {
    await start();
    const create = { credential: { name: 'one of many', provider: 'openai' }, secret: { key: 'k' } };
    for (const length of [1_000, 50]) {
      await coffer.native('POST', `${credentials}:batchCreate`, { requests: Array.from({ length }, () => create) });
    }
    await coffer.stop();
    await returnToFormerFormats(coffer);
    const [{ id } = {}] = await run('select credential_id as id from credential_version order by id desc limit 1');
    await run(`
      create function fail() returns trigger language plpgsql as $$ begin
        if new.credential_id = '${String(id)}' then raise 'broken off'; end if; return new;
      end $$`);
    await run('create trigger fail before update on credential_version for each row execute function fail()');
    expect(String(await start().catch((error: unknown) => error))).to.include('the database refused a statement');
    const unsigned = 'select from credential_version where mac is null';
    expect(await run(unsigned)).to.have.length(52);
    const [{ mac } = {}] = await run(
      'select mac from credential_version where mac is not null order by credential_id limit 1',
    );
    await run('drop trigger fail on credential_version');
    await start();
    expect(await run(unsigned)).to.have.length(0);
    expect(await run('select from credential_version where mac = $1', mac)).to.have.length(1);
    expect(await faults()).to.deep.equal([]);
  });

  it('are passed over where they have the new format already', async () => {
    await start();
    await coffer.stop();
    const signed = await run(`select id, mac from api_key where name in ('one', 'two') order by name`);
    await returnToFormerFormats(coffer);
    const [{ id, mac } = {}, other] = signed;
    await run('update api_key set mac = $2 where id = $1', id, mac);
    await start();
    expect(await run(`select id, mac from api_key where name in ('one', 'two') order by name`)).to.deep.equal([
      { id, mac },
      other,
    ]);
    expect(await faults()).to.deep.equal([]);
  });

  for (const [what, statements] of Object.entries({
    'the whole ledger': ['delete from audit_ledger'],
    'the whole trail': ['delete from audit_ledger', 'delete from audit_event'],
    'the end of the ledger': ['delete from audit_ledger where number > 2'],
    'the lines on formats': [`delete from audit_ledger where kind = 'format'`],
    'what the lines say': [`update audit_ledger set heads = '{}' where kind = 'format'`],
    'what the lines are': [`update audit_ledger set kind = 'begin' where kind = 'format'`],
  })) {
    it(`are not signed again where somebody has taken away ${what}`, async () => {
      const before = await run('select id, mac from api_key');
      await start();
      await coffer.native('GET', '/v1/auditEvents');
      await coffer.native('POST', '/v1/workspaces/default/apiKeys', { name: 'later', role: 'VIEWER' });
      await coffer.stop();
      for (const { id, mac } of before) {
        await run(`update api_key set name = 'forged', mac = $2 where id = $1 and role is not null`, id, mac);
      }
      await run('update credential_version set mac = null, created_by = workspace_id');
      for (const statement of statements) await run(statement);
      for (let starts = 0; starts < 2; starts += 1) {
        await start();
        const found = await faults();
        expect(found.filter((message) => message.startsWith('api_key '))).to.have.length(2);
        const versions = await run('select from credential_version where mac is not null');
        expect(versions).to.have.length(0);
        await coffer.stop();
      }
      await start();
    });
  }
});
