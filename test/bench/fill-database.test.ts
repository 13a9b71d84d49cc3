import { expect } from 'chai';
import { Client } from 'pg';
import { sharedPostgres } from '../support/postgres.ts';
import { fillerOf } from './fill-database.ts';

describe('the filling of a database', () => {
  it('is of copies of what Coffer has written, as many as requested', async () => {
    const { connection, url } = await (await sharedPostgres()).createDatabase();
    const session = new Client(url);
    await session.connect();
    try {
      for (const { create, insert } of miniature) await session.query(`${create}; ${insert}`);
      const fill = fillerOf(connection, { credentials: 10, workspaces: 3 });
      for (let part = 0; part < 4; part++) await fill(0.3);
      const { rows } = await session.query(`select
        (select count(*)::int from workspace) as workspaces, (select count(*)::int from workspace_key) as keys,
        (select count(distinct (workspace_id, id))::int from credential) as credentials,
        (select count(*)::int from credential_version join credential on id = credential_id) as versions`);
      expect(rows).to.deep.equal([{ workspaces: 3, keys: 3, credentials: 11, versions: 11 }]);
    } finally {
      await session.end();
    }
  });
});

/** What the filling needs of the tables, with a generated column as they have one. */
const miniature = [
  {
    create: 'create table workspace (id uuid primary key, short text generated always as (id::text) stored)',
    insert: 'insert into workspace (id) values (uuidv7())',
  },
  {
    create: 'create table workspace_key (workspace_id uuid)',
    insert: 'insert into workspace_key select id from workspace',
  },
  {
    create: `create table credential (workspace_id uuid, id uuid unique, name text, exclusive_name text, provider text,
      subject text, tags text[], labels jsonb, created_at timestamptz, updated_at timestamptz)`,
    insert: `insert into credential select id, uuidv7(), 'real', null, 'openai', null, '{}', '{}', now(), now() from workspace`,
  },
  {
    create: 'create table credential_version (workspace_id uuid, credential_id uuid)',
    insert: 'insert into credential_version select workspace_id, id from credential',
  },
] as const;
