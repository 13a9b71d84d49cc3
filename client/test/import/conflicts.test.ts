import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { startCoffer, type TestCoffer } from '../../../test/support/coffer.ts';
import { memberOf, textOf } from '../../../test/support/json.ts';
import { sharedPostgres } from '../../../test/support/postgres.ts';
import { refusalOf } from '../../../test/support/refusals.ts';
import { PermissionDeniedError } from '../../src/errors/errors.ts';
import { ImportError } from '../../src/import/reading/import-error.ts';
import { importInto, outcomeOf, writeSamples, type SampleStore } from './importing.ts';
import { changeCharacter, sealAsFernet, sealAsFlowise, sealAsOldN8n } from './sealing.ts';
import {
  flowiseColumns,
  flowiseKey,
  flowiseRow,
  inputOf,
  keyText,
  miniflowColumns,
  miniflowRow,
  n8nColumns,
  n8nRow,
  temporaryFolder,
  writeFlowise,
  writeSqlite,
  writeText,
} from './stores.ts';

describe('an import that cannot store everything', () => {
  const folder = temporaryFolder();
  let coffer: TestCoffer;
  let workspace: string;

  before(async () => {
    coffer = await startCoffer();
  });
  beforeEach(async () => {
    workspace = await coffer.createWorkspace('import');
  });
  after(async () => {
    await coffer.stop();
    folder.remove();
  });

  /** Every test has a workspace and a key for it, so that it sees only what it imports. */
  async function intoWorkspace(source: string, input: SampleStore['input'], more: object = {}) {
    const token = await coffer.issueKey({ role: 'EDITOR', workspaceId: workspace });
    return importInto(coffer, source, input, { token, ...more });
  }

  async function create(name: string, secret: Record<string, string>) {
    const body = { credential: { name }, secret };
    return textOf(await coffer.native('POST', `/v1/workspaces/${workspace}/credentials`, body), 'credential', 'id');
  }

  async function list() {
    const { credentials } = await coffer.native('GET', `/v1/workspaces/${workspace}/credentials`);
    return Array.isArray(credentials) ? credentials : [];
  }

  function dotenvOf(text: string) {
    return inputOf({ file: writeText(join(folder.path, '.env'), text) });
  }

  it('stores the rest where rows are damaged, sealed under another key or kept elsewhere', async () => {
    const whole = sealAsFlowise({ openAIApiKey: 'sk-whole-0123456789abcdef' }, flowiseKey);
    const sealed = [
      whole,
      changeCharacter(whole, 70),
      sealAsFlowise({ a: 'b' }, 'other'),
      'FlowiseCredential_1',
      whole,
    ];
    const rows = sealed.map((data, index) => flowiseRow(`row ${index}`, data));
    const database = writeSqlite(join(folder.path, 'mixed'), { credential: { columns: flowiseColumns, rows } });
    const report = await intoWorkspace('flowise', inputOf({ database, ...keyText(flowiseKey) }));
    const states = { stored: 2, damaged: 1, 'wrong key': 1, reference: 1 };
    expect(outcomeOf(report)).to.deep.equal({ states, isComplete: false });
    expect((await list()).map((credential) => textOf(credential, 'name'))).to.have.members(['row 0', 'row 4']);
  });

  it('stores nothing under a wrong key', async () => {
    const database = writeFlowise(join(folder.path, 'wrong'), ['sk-1', 'sk-2']);
    const report = await intoWorkspace('flowise', inputOf({ database, ...keyText('wrong') }));
    expect(outcomeOf(report)).to.deep.equal({ states: { 'wrong key': 2 }, isComplete: false });
    expect(await list()).to.deep.equal([]);
  });

  it('leaves a name that the vault has, and calls it a duplicate where the secret is equal', async () => {
    await create('A', { value: 'another' });
    await create('B', { value: 'equal' });
    await create('a "quoted" * \\ name', { value: 'another' });
    const report = await intoWorkspace('dotenv', dotenvOf('A=1\nB=equal\nC=3\n'));
    const states = report.rows.map(({ entry, state }) => [entry.name, state]);
    expect(states).to.deep.equal([
      ['A', 'name taken'],
      ['B', 'duplicate'],
      ['C', 'stored'],
    ]);
    const odd = inputOf({
      file: writeText(join(folder.path, 'odd.json'), JSON.stringify({ 'a "quoted" * \\ name': 'x' })),
    });
    expect(outcomeOf(await intoWorkspace('json', odd)).states).to.deep.equal({ 'name taken': 1 });
  });

  it('finds the names of many entries', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `${'N'.repeat(index)}_${index}`);
    for (const name of [names[0], names[50], names[99]]) await create(name ?? '', { value: 'another' });
    const report = await intoWorkspace('dotenv', dotenvOf(names.map((name) => `${name}=1\n`).join('')), {
      isApplied: false,
    });
    expect(outcomeOf(report).states).to.deep.equal({ opened: 97, 'name taken': 3 });
  });

  it('stores equal entries of a source once, but each id of Flowise', async () => {
    const key = 'the key';
    const rows = ['one', 'two'].map((id) => n8nRow(id, sealAsOldN8n({ apiKey: 'sk-same' }, key), { name: 'same' }));
    const n8n = writeSqlite(join(folder.path, 'n8n'), {
      credentials_entity: { columns: n8nColumns.credentials, rows },
    });
    const report = await intoWorkspace('n8n', inputOf({ database: n8n, ...keyText(key) }));
    expect(outcomeOf(report)).to.deep.equal({ states: { stored: 1, duplicate: 1 }, isComplete: true });
    const same = [0, 1].map(() => flowiseRow('equal', sealAsFlowise({ openAIApiKey: 'sk-same' }, flowiseKey)));
    const flowise = writeSqlite(join(folder.path, 'ids'), { credential: { columns: flowiseColumns, rows: same } });
    const both = await intoWorkspace('flowise', inputOf({ database: flowise, ...keyText(flowiseKey) }));
    expect(outcomeOf(both).states).to.deep.equal({ stored: 2 });
  });

  it('keeps what MiniFlow knows: a deactivation, an expiry, tags, and types that its API cannot create', async () => {
    const keyBytes = randomBytes(32);
    const rows = [
      miniflowRow('inactive', sealAsFernet({ api_key: 'sk-1' }, keyBytes), { is_active: 0, tags: '["t"]' }),
      miniflowRow('later', sealAsFernet({ api_key: 'sk-2' }, keyBytes), { expires_at: '2999-01-01 00:00:00.000000' }),
      miniflowRow('login', sealAsFernet({ username: 'u', password: 'p' }, keyBytes), { credential_type: 'BASIC_AUTH' }),
      miniflowRow(' spaced ', sealAsFernet({ api_key: ' sk-3 ' }, keyBytes)),
    ];
    const database = writeSqlite(join(folder.path, 'miniflow'), { credentials: { columns: miniflowColumns, rows } });
    const input = inputOf({ database, ...keyText(keyBytes.toString('hex')) });
    expect(outcomeOf(await intoWorkspace('miniflow', input))).to.deep.equal({
      states: { stored: 4 },
      isComplete: true,
    });
    const stored = new Map((await list()).map((credential) => [textOf(credential, 'name'), credential]));
    expect(stored.get('inactive')).to.include({ state: 'INACTIVE', origin: 'miniflow' });
    expect(memberOf(stored.get('inactive'), 'tags')).to.deep.equal(['t']);
    expect(stored.get('later')).to.include({ state: 'ACTIVE', expires_at: '2999-01-01T00:00:00Z' });
    expect(stored.get('login')).to.include({ origin: 'coffer', auth_type: 'basic_auth' });
    expect(outcomeOf(await intoWorkspace('miniflow', input, { isVerified: false })).states).to.deep.equal({
      duplicate: 4,
    });
  });

  it('is applied to one workspace of the source where the user chooses one, and else gives notice of all', async () => {
    const keyBytes = randomBytes(32);
    const rows = ['WSP-AAAAAAAAAAAAAAAA', 'WSP-BBBBBBBBBBBBBBBB'].map((id) =>
      miniflowRow(`of ${id}`, sealAsFernet({ api_key: 'sk-1' }, keyBytes), { workspace_id: id }),
    );
    const database = writeSqlite(join(folder.path, 'tenants'), { credentials: { columns: miniflowColumns, rows } });
    const input = inputOf({ database, ...keyText(keyBytes.toString('hex')) });
    const planned = await intoWorkspace('miniflow', input, { isApplied: false });
    expect(planned.notices.join()).to.match(/2 workspaces/);
    const one = await intoWorkspace('miniflow', input, { sourceWorkspace: 'WSP-BBBBBBBBBBBBBBBB' });
    expect(one.rows.map(({ entry }) => entry.name)).to.deep.equal(['of WSP-BBBBBBBBBBBBBBBB']);
    await refusalOf(intoWorkspace('miniflow', input, { sourceWorkspace: 'absent' }), ImportError);
  });

  it('stores each entry once where two imports run at the same time, whatever the source', async () => {
    for (const { source, input } of await writeSamples(join(folder.path, 'twice'), 'sk-twice')) {
      const token = await coffer.issueKey({ role: 'EDITOR', workspaceId: workspace });
      const before = (await list()).length;
      await Promise.all([1, 2].map(() => importInto(coffer, source, input, { token })));
      expect((await list()).length - before, source).to.equal(2);
    }
  });

  it('stores again what was deleted since', async () => {
    for (const { source, input } of await writeSamples(join(folder.path, 'again'), 'sk-again')) {
      const token = await coffer.issueKey({ role: 'EDITOR', workspaceId: workspace });
      const first = await importInto(coffer, source, input, { token });
      const deleted = first.rows[0]?.credentialId ?? '';
      await coffer.native('DELETE', `/v1/workspaces/${workspace}/credentials/${deleted}`);
      const second = outcomeOf(await importInto(coffer, source, input, { token }));
      expect(second, source).to.deep.equal({ states: { stored: 1, duplicate: 1 }, isComplete: true });
    }
  });

  it('reports what differs in the vault when it is verified', async () => {
    const first = await intoWorkspace('dotenv', dotenvOf('A=1\nB=2\n'));
    const changed = `/v1/workspaces/${workspace}/credentials/${first.rows[0]?.credentialId}/versions`;
    await coffer.native('POST', changed, { secret: { value: 'rotated' } });
    const inactive = `/v1/workspaces/${workspace}/credentials/${first.rows[1]?.credentialId}:deactivate`;
    await coffer.native('POST', inactive, {});
    const second = await intoWorkspace('dotenv', dotenvOf('A=1\nB=2\n'), { isApplied: false });
    expect(second.rows.map(({ verification }) => verification)).to.deep.equal(['differs', 'unreadable']);
    expect(outcomeOf(second).isComplete).to.equal(false);
  });

  it('lists an entry that the vault refuses, and goes on', async () => {
    const report = await intoWorkspace('dotenv', dotenvOf(`A=${'x'.repeat(70_000)}\nB=2\n`));
    expect(outcomeOf(report).states).to.deep.equal({ failed: 1, stored: 1 });
  });

  it('lists what can be no name or text, and goes on', async () => {
    const content = `{"lone \\ud800":"1","text":{"a":"\\u0000"},"${'x'.repeat(3000)}":"2","":"3","whole":"4"}`;
    const report = await intoWorkspace('json', inputOf({ file: writeText(join(folder.path, 'odd.json'), content) }));
    expect(outcomeOf(report).states).to.deep.equal({ damaged: 2, failed: 2, stored: 1 });
  });

  it('stops where the caller may not store', async () => {
    const token = await coffer.issueKey({ role: 'VIEWER', workspaceId: workspace });
    for (const { source, input } of await writeSamples(join(folder.path, 'viewer'), 'sk-viewer')) {
      const report = await importInto(coffer, source, input, { token });
      expect(report.failure, source).to.be.instanceOf(PermissionDeniedError);
    }
    expect(await list()).to.deep.equal([]);
  });

  it('is refused where the dialect of the source does not reach the workspace', async () => {
    const database = writeFlowise(join(folder.path, 'elsewhere'), ['sk-1']);
    const attempt = importInto(coffer, 'flowise', inputOf({ database, ...keyText(flowiseKey) }), { workspace });
    expect((await refusalOf(attempt, ImportError)).message).to.match(/default workspace/);
    expect(await list()).to.deep.equal([]);
  });

  it('reads Flowise and MiniFlow in PostgreSQL, and writes nothing there', async () => {
    const { connection, url } = await (await sharedPostgres()).createDatabase();
    const keyBytes = randomBytes(32);
    const client = new Client(connection);
    await client.connect();
    await client.query(
      `create table credential (id uuid primary key, name varchar not null, "credentialName" varchar not null,
       "encryptedData" text not null, "createdDate" timestamp not null default now(), "workspaceId" varchar);
       create table credentials (${miniflowColumns.replaceAll('datetime', 'timestamp')})`,
    );
    const { id, name, credentialName, encryptedData } = flowiseRow(
      'pg',
      sealAsFlowise({ openAIApiKey: 'sk-pg' }, flowiseKey),
    );
    await client.query('insert into credential (id, name, "credentialName", "encryptedData") values ($1, $2, $3, $4)', [
      id,
      name,
      credentialName,
      encryptedData,
    ]);
    const row = miniflowRow('pg', sealAsFernet({ api_key: 'sk-pg-2' }, keyBytes), { is_active: 'true' });
    const names = Object.keys(row);
    await client.query(
      `insert into credentials (${names.join(', ')}) values (${names.map((_, index) => `$${index + 1}`).join(', ')})`,
      Object.values(row),
    );
    await client.end();
    const flowise = await intoWorkspace('flowise', inputOf({ database: url, ...keyText(flowiseKey) }));
    expect(outcomeOf(flowise)).to.deep.equal({ states: { stored: 1 }, isComplete: true });
    const input = inputOf({
      database: url.replace(/^\w+:/, 'postgresql+psycopg2:'),
      ...keyText(keyBytes.toString('hex')),
    });
    const miniflow = await intoWorkspace('miniflow', input);
    expect(miniflow.rows.map(({ state }) => state)).to.deep.equal(['name taken']);
  });

  it('finds no table in an empty database', async () => {
    const database = join(folder.path, 'empty.sqlite');
    new DatabaseSync(database).close();
    await refusalOf(intoWorkspace('flowise', inputOf({ database, ...keyText(flowiseKey) })), ImportError);
  });
});
